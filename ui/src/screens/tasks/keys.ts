import type { TaskRow } from "../../backend/bindings/TaskRow";
import type { ViewSlice } from "../../stores/state";
import { useWindow } from "../../stores/window";
import { deleteTask, redo, toggleDone, undo } from "./actions";
import { selectedIndex } from "./anchor";
import { openPicker, type PickerField, select, startEditing, useTaskList } from "./list-state";
import { rowElementId } from "./TaskRow";

/** What the keys of the list need from the screen. */
export interface KeyContext {
  slice: ViewSlice | null;
  /** Rows that fit on the screen. */
  page: number;
  scrollTo: (index: number) => void;
  focusAdd: () => void;
  focusSearch: () => void;
  focusGrid: () => void;
}

const pickers: Record<string, PickerField> = {
  s: "status",
  p: "priority",
  a: "assignee",
  d: "due",
  t: "tags",
  g: "project",
};

/** Handles a key of the task list. Answers whether it meant something. */
export function handleListKey(event: KeyboardEvent, context: KeyContext): boolean {
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (command && key === "z") {
    void (event.shiftKey ? redo() : undo());
    return true;
  }
  if (command && key === "y") {
    void redo();
    return true;
  }
  if (command || event.altKey) return false;
  return moves(key, context) || acts(key, event, context);
}

function moves(key: string, { slice, page, scrollTo, focusGrid }: KeyContext): boolean {
  const at = selectedIndex(useTaskList.getState().selected, slice);
  const last = (slice?.count ?? 0) - 1;
  const target = {
    ArrowDown: at === null ? 0 : at + 1,
    ArrowUp: at === null ? last : at - 1,
    j: at === null ? 0 : at + 1,
    k: at === null ? last : at - 1,
    Home: 0,
    End: last,
    PageDown: (at ?? 0) + page,
    PageUp: (at ?? 0) - page,
  }[key];
  if (target === undefined) return false;
  if (last < 0 || !slice) return true;
  const index = Math.max(0, Math.min(last, target));
  select(index, slice.ids[index - slice.from] ?? null);
  scrollTo(index);
  focusGrid();
  return true;
}

function acts(key: string, event: KeyboardEvent, context: KeyContext): boolean {
  if (key === "n") context.focusAdd();
  else if (key === "/" || key === "f") context.focusSearch();
  else if (key === "z") void undo();
  else if (key === "Escape") useTaskList.setState({ selected: null });
  else return actsOnRow(key, event, context.slice);
  return true;
}

function actsOnRow(key: string, event: KeyboardEvent, slice: ViewSlice | null): boolean {
  const index = selectedIndex(useTaskList.getState().selected, slice);
  const row = index === null || !slice ? null : rowAt(slice, index);
  const picker = pickers[key];
  const known = picker || ["Enter", "F2", "e", "x", " ", "Delete", "Backspace"].includes(key);
  if (!known) return false;
  // A key on a row that has not arrived yet is taken and does nothing, rather than doing something else.
  if (!row || index === null) return true;
  const { task } = row;
  if (picker) openPickerAt(index, task.id, picker);
  else if (key === "Enter" || key === "F2" || key === "e") startEditing(task.id, task.name);
  else if (event.repeat) return true;
  else if (key === "x" || key === " ") void toggleDone(task);
  else void deleteTask(task);
  return true;
}

function rowAt(slice: ViewSlice, index: number): TaskRow | null {
  const id = slice.ids[index - slice.from];
  return (id && useWindow.getState().tasks.rows[id]) || null;
}

function openPickerAt(index: number, id: string, field: PickerField): void {
  const element = document.getElementById(rowElementId(index));
  const cell = element?.querySelector<HTMLElement>(
    field === "status" ? '[role="checkbox"]' : `[data-field="${field}"]`,
  );
  // A cell that a narrow window hides has no place of its own; the row stands in for it.
  const anchor = cell && cell.offsetParent !== null ? cell : element;
  if (anchor) openPicker(id, field, anchor);
}

/** Whether a key press belongs to what has the focus and not to the list. */
export function belongsToFocus(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return true;
  const pressable = target.closest('button, a, [role="menuitem"], [role="menu"], dialog');
  if (!pressable) return false;
  return pressable.matches('[role="menuitem"], [role="menu"], dialog') || event.key === "Enter" || event.key === " ";
}
