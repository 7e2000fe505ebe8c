import type { Frame } from "../backend/bindings/Frame";
import type { Op } from "../backend/bindings/Op";
import type { StoreName } from "../backend/bindings/StoreName";
import type { StoreRow } from "../backend/bindings/StoreRow";
import type { TaskRow } from "../backend/bindings/TaskRow";
import { emptyState, type TasksState, type WindowState } from "./state";

/**
 * Applies one frame as a whole. Answers null when the frame does not follow on what the window holds: then the window attaches again
 * and gets a snapshot. Never changes its argument, and keeps every part that no operation names identical, so that only what
 * changed is drawn.
 */
export function applyFrame(state: WindowState, frame: Frame): WindowState | null {
  const snapshot = frame.ops[0]?.op === "reset";
  if (!snapshot && (frame.epoch !== state.epoch || frame.base_rev !== state.rev)) return null;
  let next: WindowState = { ...state, epoch: frame.epoch, rev: frame.rev, serverNow: frame.server_now };
  for (const op of frame.ops) next = applyOp(next, op);
  return next;
}

function applyOp(state: WindowState, op: Op): WindowState {
  switch (op.op) {
    case "reset":
      // Notices are kept: they were said once and a person may still be reading them.
      return {
        ...emptyState,
        epoch: state.epoch,
        rev: state.rev,
        serverNow: state.serverNow,
        notices: state.notices,
      };
    case "session":
      return { ...state, session: op.session };
    case "sync":
      return { ...state, sync: op.status };
    case "put":
      return put(state, op.row);
    case "remove":
      return remove(state, op.store, op.id);
    case "view":
      return { ...state, tasks: applyView(state.tasks, op) };
    case "preferences":
      return { ...state, preferences: mergePreferences(state.preferences, op.values) };
    case "presence":
      return { ...state, present: op.people };
    case "pointers":
      return { ...state, pointers: op.pointers };
    case "notice": {
      const key = (state.notices.at(-1)?.key ?? 0) + 1;
      return { ...state, notices: [...state.notices, { key, error: op.error, record: op.record }] };
    }
  }
}

function put(state: WindowState, entry: StoreRow): WindowState {
  switch (entry.store) {
    case "tenants":
      return { ...state, tenant: entry.row };
    case "tenant_members":
      return { ...state, people: { ...state.people, [entry.row.id]: entry.row } };
    case "clients":
      return { ...state, clients: { ...state.clients, [entry.row.id]: entry.row } };
    case "projects":
      return { ...state, projects: { ...state.projects, [entry.row.id]: entry.row } };
  }
}

function remove(state: WindowState, store: StoreName, id: string): WindowState {
  switch (store) {
    case "tenants":
      return state.tenant?.id === id ? { ...state, tenant: null } : state;
    case "tenant_members":
      return { ...state, people: without(state.people, id) };
    case "clients":
      return { ...state, clients: without(state.clients, id) };
    case "projects":
      return { ...state, projects: without(state.projects, id) };
  }
}

function applyView(tasks: TasksState, op: Extract<Op, { op: "view" }>): TasksState {
  const before = tasks.views[op.view];
  const slice = { count: op.count, from: op.from, ids: op.ids ?? before?.ids ?? [] };
  const views = { ...tasks.views, [op.view]: slice };
  if (op.rows.length === 0) return { ...tasks, views };
  const rows = { ...tasks.rows };
  let touched = tasks.touched;
  for (const row of op.rows) {
    const known = rows[row.task.id];
    if (known && changedByAnother(known, row)) {
      touched = { ...touched, [row.task.id]: (touched[row.task.id] ?? 0) + 1 };
    }
    rows[row.task.id] = row;
  }
  return { views, rows: Object.keys(rows).length > MOST_ROWS ? inSlices(views, rows) : rows, touched };
}

/** The engine sends a row again when it comes back into a slice, so rows outside of all slices may go; a few are kept to save work. */
const MOST_ROWS = 2000;

function inSlices(views: TasksState["views"], rows: TasksState["rows"]): TasksState["rows"] {
  const kept: Record<string, TaskRow> = {};
  for (const slice of Object.values(views)) {
    for (const id of slice.ids) {
      const row = rows[id];
      if (row) kept[id] = row;
    }
  }
  return kept;
}

/** This device's own changes pass through `pending` before their version rises; a rise without that came from elsewhere. */
function changedByAnother(known: TaskRow, row: TaskRow): boolean {
  return !known.pending && !row.pending && row.task.version > known.task.version;
}

function mergePreferences(
  before: Readonly<Record<string, unknown>>,
  values: Record<string, unknown>,
): Record<string, unknown> {
  const merged = { ...before };
  for (const [key, value] of Object.entries(values)) {
    if (value === null) delete merged[key];
    else merged[key] = value;
  }
  return merged;
}

function without<T>(rows: Readonly<Record<string, T>>, id: string): Record<string, T> {
  const { [id]: _gone, ...rest } = rows;
  return rest;
}
