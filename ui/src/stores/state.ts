import type { AppError } from "../backend/bindings/AppError";
import type { Client } from "../backend/bindings/Client";
import type { Member } from "../backend/bindings/Member";
import type { Pointer } from "../backend/bindings/Pointer";
import type { Present } from "../backend/bindings/Present";
import type { Project } from "../backend/bindings/Project";
import type { RecordId } from "../backend/bindings/RecordId";
import type { SessionState } from "../backend/bindings/SessionState";
import type { SyncStatus } from "../backend/bindings/SyncStatus";
import type { TaskRow } from "../backend/bindings/TaskRow";
import type { Tenant } from "../backend/bindings/Tenant";
import type { ViewId } from "../backend/bindings/ViewId";

/** The part of a view that this window holds. */
export interface ViewSlice {
  /** Rows of the view in all. */
  count: number;
  /** Position of the first of `ids`. */
  from: number;
  ids: readonly RecordId[];
}

export interface TasksState {
  views: Readonly<Record<ViewId, ViewSlice>>;
  rows: Readonly<Record<RecordId, TaskRow>>;
  /** How often a row was changed by somebody else while this window had it; a row tints itself when its number moves. */
  touched: Readonly<Record<RecordId, number>>;
}

/** Something a person must hear of once. */
export interface Notice {
  /** Ascending within the window. */
  key: number;
  error: AppError;
  record: RecordId | null;
}

/** Everything the engine tells this window. Only {@link applyFrame} makes a new one. */
export interface WindowState {
  epoch: number;
  rev: number;
  serverNow: number | null;
  session: SessionState;
  sync: SyncStatus | null;
  tenant: Tenant | null;
  people: Readonly<Record<string, Member>>;
  clients: Readonly<Record<RecordId, Client>>;
  projects: Readonly<Record<RecordId, Project>>;
  tasks: TasksState;
  preferences: Readonly<Record<string, unknown>>;
  /** Who is here now, oneself among them. */
  present: readonly Present[];
  /** Cursors and selections of the others, gone two seconds after their last move. */
  pointers: readonly Pointer[];
  notices: readonly Notice[];
}

export const emptyTasks: TasksState = { views: {}, rows: {}, touched: {} };

export const emptyState: WindowState = {
  epoch: 0,
  rev: 0,
  serverNow: null,
  session: { state: "starting" },
  sync: null,
  tenant: null,
  people: {},
  clients: {},
  projects: {},
  tasks: emptyTasks,
  preferences: {},
  present: [],
  pointers: [],
  notices: [],
};
