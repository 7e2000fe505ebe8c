import { create } from "zustand";
import type { RecordId } from "../../backend/bindings/RecordId";
import type { Ring } from "./anchor";
import { defaultFilter, type ListFilter } from "./filter";

/** The cells of a row that open a panel. */
export type PickerField = "status" | "priority" | "project" | "assignee" | "tags" | "due";

interface ListState {
  filter: ListFilter;
  /** The row with the ring: its place, and its id once that is known. The id wins while it is in the list. */
  selected: Ring | null;
  /** What is being typed into a row. It lives here, so that scrolling or a live change never costs a letter. */
  editing: { id: RecordId; draft: string; before: string } | null;
  picker: { id: RecordId; field: PickerField; anchor: HTMLElement } | null;
  /** A row that was just written here and should come into sight. */
  reveal: RecordId | null;
}

const initial: ListState = { filter: defaultFilter, selected: null, editing: null, picker: null, reveal: null };

/** What the task list of this window is doing. It is not shared and does not outlive the page. */
export const useTaskList = create<ListState>(() => initial);

export function resetTaskList(): void {
  useTaskList.setState(initial, true);
}

export function setFilter(change: Partial<ListFilter>): void {
  useTaskList.setState((state) => ({ filter: { ...state.filter, ...change }, selected: null, reveal: null }));
}

export function select(index: number, id: RecordId | null): void {
  useTaskList.setState({ selected: { index, id } });
}

export function openPicker(id: RecordId, field: PickerField, anchor: HTMLElement): void {
  useTaskList.setState({ picker: { id, field, anchor } });
}

export function closePicker(): void {
  useTaskList.setState({ picker: null });
}

export function startEditing(id: RecordId, name: string): void {
  useTaskList.setState({ editing: { id, draft: name, before: name }, picker: null });
}

export function stopEditing(): void {
  useTaskList.setState({ editing: null });
}
