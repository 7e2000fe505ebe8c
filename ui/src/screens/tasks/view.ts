import { useCallback, useEffect, useRef, useState } from "react";
import { asAppError } from "../../backend";
import type { TaskViewSpec } from "../../backend/bindings/TaskViewSpec";
import type { ViewId } from "../../backend/bindings/ViewId";
import { send, useConnection } from "../../stores/connection";
import type { ViewSlice } from "../../stores/state";
import { showError } from "../../stores/toasts";
import { useWindow } from "../../stores/window";

/** Rows held beyond what is in sight, on each side, so that ordinary scrolling never meets an unknown row. */
const MARGIN = 100;
/** How near the sight may come to the edge of the slice before the slice moves. */
const NEAR = 40;
const LARGEST = 500;

export interface TaskView {
  /** What is held of the view; null until the first answer. Of the view before while a new one is being opened. */
  slice: ViewSlice | null;
  /** Whether `slice` belongs to the spec that was asked for. */
  current: boolean;
  /** Says which positions are in sight. */
  inSight: (from: number, to: number) => void;
}

/** Keeps a view open for as long as the component lives, and its slice around what is in sight. */
export function useTaskView(spec: TaskViewSpec): TaskView {
  const attachments = useConnection((state) => state.attachments);
  const key = JSON.stringify(spec);
  const [opened, setOpened] = useState<{ key: string; view: ViewId } | null>(null);
  const [again, setAgain] = useState(0);
  const slice = useWindow((state) => (opened ? state.tasks.views[opened.view] : undefined));
  const last = useRef<ViewSlice | null>(null);
  const asked = useRef<{ view: ViewId; from: number; to: number; busy: boolean; next: [number, number] | null } | null>(
    null,
  );
  if (slice) last.current = slice;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `again` opens the view anew after the engine has lost it
  useEffect(() => {
    if (attachments === 0) return;
    let live = true;
    let view: ViewId | null = null;
    const to = 2 * MARGIN;
    send({ type: "view_open", spec: JSON.parse(key) as TaskViewSpec, from: 0, to }).then((reply) => {
      if (reply.type !== "view") return;
      if (!live) return closeView(reply.view);
      view = reply.view;
      asked.current = { view, from: 0, to, busy: false, next: null };
      setOpened({ key, view });
    }, showError);
    return () => {
      live = false;
      if (view) closeView(view);
    };
  }, [key, attachments, again]);

  const inSight = useCallback((from: number, to: number) => {
    const state = asked.current;
    if (!state) return;
    const covered = from >= state.from + (state.from === 0 ? 0 : NEAR) && to <= state.to - NEAR;
    if (covered) return;
    const start = Math.max(0, from - MARGIN);
    const next: [number, number] = [start, Math.min(to + MARGIN, start + LARGEST)];
    state.next = next;
    if (!state.busy) void move(state, () => setAgain((count) => count + 1));
  }, []);

  return { slice: slice ?? last.current, current: opened?.key === key && slice !== undefined, inSight };
}

/** One move is under way at a time; of those asked for meanwhile only the last counts. */
async function move(
  state: { view: ViewId; from: number; to: number; busy: boolean; next: [number, number] | null },
  lost: () => void,
): Promise<void> {
  state.busy = true;
  try {
    while (state.next) {
      const [from, to] = state.next;
      state.next = null;
      if (from === state.from && to === state.to) continue;
      state.from = from;
      state.to = to;
      await send({ type: "view_move", view: state.view, from, to });
    }
  } catch (thrown) {
    const error = asAppError(thrown);
    if (error.code === "not_found") lost();
    else if (!error.retryable) showError(error);
  } finally {
    state.busy = false;
  }
}

function closeView(view: ViewId): void {
  // The engine drops the views of a page that is gone by itself, so a failure here costs nothing.
  send({ type: "view_close", view }).catch(() => undefined);
  useWindow.setState((state) => {
    const { [view]: _closed, ...views } = state.tasks.views;
    return { tasks: { ...state.tasks, views } };
  });
}
