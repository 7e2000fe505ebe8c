import type { RecordId } from "../../backend/bindings/RecordId";
import type { ViewSlice } from "../../stores/state";

interface AnchorInput {
  before: ViewSlice;
  after: ViewSlice;
  /** Rows that must not move on the screen, the most important first: being typed into, under the pointer, selected, topmost. */
  keep: readonly (RecordId | null)[];
}

/**
 * How many rows the list has to scroll so that a live change does not move what a person is looking at. Zero when none of the rows
 * to keep is in both slices.
 */
export function anchorShift({ before, after, keep }: AnchorInput): number {
  for (const id of keep) {
    if (id === null) continue;
    const was = before.ids.indexOf(id);
    const is = after.ids.indexOf(id);
    if (was >= 0 && is >= 0) return after.from + is - (before.from + was);
  }
  return 0;
}

/**
 * The order in which rows stand in the document. It is the order on the screen, except while a row is typed into: moving the node of
 * a focused field takes its focus away, so then rows keep their places and new ones come last.
 */
export function documentOrder(previous: readonly RecordId[], shown: readonly RecordId[], editing: boolean): RecordId[] {
  if (!editing) return [...shown];
  const present = new Set(shown);
  const kept = previous.filter((id) => present.has(id));
  const known = new Set(kept);
  return [...kept, ...shown.filter((id) => !known.has(id))];
}

/**
 * The ring after the list changed. It follows its row; when that is gone it belongs to the row now in its place, by id, so that a row
 * which somebody inserts above never slips under the ring and takes the next key press.
 */
export function settledRing(selected: Ring | null, slice: ViewSlice | null): Ring | null {
  const index = selectedIndex(selected, slice);
  if (!selected || !slice || index === null) return selected;
  const id = slice.ids[index - slice.from];
  if (id === undefined || (id === selected.id && index === selected.index)) return selected;
  return { index, id };
}

export interface Ring {
  index: number;
  id: RecordId | null;
}

/** Where the ring stands in a slice: at its row while that is there, else at its place, within the list. */
export function selectedIndex(selected: Ring | null, slice: ViewSlice | null): number | null {
  if (!selected || !slice || slice.count === 0) return null;
  const at = selected.id === null ? -1 : slice.ids.indexOf(selected.id);
  return at >= 0 ? slice.from + at : Math.min(selected.index, slice.count - 1);
}
