import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowUp } from "lucide-react";
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { RecordId } from "../../backend/bindings/RecordId";
import type { Task } from "../../backend/bindings/Task";
import type { CivilDate } from "../../format/civil";
import { useMessages } from "../../i18n";
import type { ViewSlice } from "../../stores/state";
import { useWindow } from "../../stores/window";
import { toggleDone } from "./actions";
import { anchorShift, documentOrder, selectedIndex, settledRing } from "./anchor";
import { select, startEditing, useTaskList } from "./list-state";
import { ROW_HEIGHT, rowElementId, TaskRow } from "./TaskRow";
import type { TaskView } from "./view";

interface TaskListProps {
  view: TaskView;
  /** Changes when the person asks for another list, which begins at its top. */
  specKey: string;
  today: CivilDate;
  gridRef: RefObject<HTMLDivElement | null>;
}

/** The rows in sight of a list of any length. Only the slice that the engine sent is known; the rest is height. */
export function TaskList({ view, specKey, today, gridRef }: TaskListProps) {
  const m = useMessages();
  const { slice, inSight } = view;
  const rows = useWindow((state) => state.tasks.rows);
  const selected = useTaskList((state) => state.selected);
  const editing = useTaskList((state) => state.editing?.id ?? null);
  const count = slice?.count ?? 0;
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => gridRef.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = (items.at(-1)?.index ?? 0) + 1;
  const ring = selectedIndex(selected, slice);
  const hovered = useRef<RecordId | null>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new slice may not cover what is in sight
  useEffect(() => inSight(first, last), [inSight, first, last, slice]);
  useLayoutEffect(() => {
    useTaskList.setState((state) => ({ selected: settledRing(state.selected, slice) }));
  }, [slice]);
  const [newAbove, setNewAbove] = useState(false);
  useStillness(slice, specKey, gridRef, hovered, setNewAbove);
  useReveal(slice, virtual.scrollToIndex);

  const onSelect = useCallback((index: number, id: RecordId) => select(index, id), []);
  const onEdit = useCallback((task: Task) => startEditing(task.id, task.name), []);
  const onToggle = useCallback((task: Task) => void toggleDone(task), []);

  const places = placesOf(items, slice, editing, useEditedPlace(slice, editing));
  const order = useRef<RecordId[]>([]);
  order.current = documentOrder(order.current, [...places.keys()], editing !== null);
  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      {newAbove && (
        <button
          type="button"
          className="popover -translate-x-1/2 absolute top-2 left-1/2 z-10 flex h-7 items-center gap-1.5 rounded-full border border-line bg-raised px-3 font-medium text-accent-text shadow-popover"
          onClick={() => gridRef.current?.scrollTo({ top: 0 })}
        >
          <ArrowUp size={14} strokeWidth={1.5} aria-hidden="true" />
          {m.tasks_new_above()}
        </button>
      )}
      <div
        ref={gridRef}
        role="grid"
        tabIndex={0}
        aria-label={m.tasks_list()}
        aria-rowcount={count}
        aria-activedescendant={ring === null ? undefined : rowElementId(ring)}
        data-view-current={view.current || undefined}
        className="group/grid relative min-h-0 flex-1 overflow-y-auto outline-none [overflow-anchor:none]"
        onPointerOver={(event) => {
          const row = (event.target as Element).closest<HTMLElement>("[data-task]");
          hovered.current = row?.dataset.task ?? null;
        }}
        onPointerLeave={() => {
          hovered.current = null;
        }}
        onScroll={(event) => {
          if (event.currentTarget.scrollTop === 0) setNewAbove(false);
        }}
      >
        <div className="relative w-full" style={{ height: virtual.getTotalSize() }}>
          {order.current.map((id) => {
            const row = rows[id];
            const index = places.get(id);
            if (!row || index === undefined) return null;
            return (
              <TaskRow
                key={id}
                row={row}
                index={index}
                top={index * ROW_HEIGHT}
                today={today}
                selected={index === ring}
                editing={id === editing}
                onSelect={onSelect}
                onEdit={onEdit}
                onToggle={onToggle}
              />
            );
          })}
          {items.map(
            (item) =>
              !slice?.ids[item.index - slice.from] && (
                <SkeletonRow
                  key={item.index}
                  index={item.index}
                  top={item.index * ROW_HEIGHT}
                  ringed={item.index === ring}
                />
              ),
          )}
        </div>
      </div>
    </div>
  );
}

/** Which row stands at which position. A row that is typed into stays where it was, also when the list no longer holds it. */
function placesOf(
  items: readonly { index: number }[],
  slice: ViewSlice | null,
  editing: RecordId | null,
  editedPlace: number | null,
): Map<RecordId, number> {
  const places = new Map<RecordId, number>();
  for (const { index } of items) {
    const id = slice?.ids[index - slice.from];
    if (id !== undefined) places.set(id, index);
  }
  if (editing !== null && editedPlace !== null && !places.has(editing)) places.set(editing, editedPlace);
  return places;
}

/** The last known position of the row that is typed into. */
function useEditedPlace(slice: ViewSlice | null, editing: RecordId | null): number | null {
  const place = useRef<number | null>(null);
  if (editing === null) {
    place.current = null;
  } else if (slice) {
    const at = slice.ids.indexOf(editing);
    if (at >= 0) place.current = slice.from + at;
  }
  return place.current;
}

/** Keeps what a person looks at where it is while rows come and go, and begins another list at its top. */
function useStillness(
  slice: ViewSlice | null,
  specKey: string,
  gridRef: RefObject<HTMLDivElement | null>,
  hovered: RefObject<RecordId | null>,
  onHidden: (hidden: boolean) => void,
): void {
  const before = useRef<{ slice: ViewSlice | null; specKey: string }>({ slice: null, specKey });
  useLayoutEffect(() => {
    const grid = gridRef.current;
    const was = before.current;
    before.current = { slice, specKey };
    if (!grid || !slice) return;
    if (was.specKey !== specKey) {
      grid.scrollTop = 0;
      onHidden(false);
      return;
    }
    if (!was.slice || was.slice === slice) return;
    const top = Math.floor(grid.scrollTop / ROW_HEIGHT);
    const { editing, selected } = useTaskList.getState();
    const topmost = grid.scrollTop > 0 ? (was.slice.ids[top - was.slice.from] ?? null) : null;
    const inSight = (id: RecordId | null | undefined) => {
      const at = id ? (was.slice?.ids.indexOf(id) ?? -1) : -1;
      const index = (was.slice?.from ?? 0) + at;
      return id && at >= 0 && index >= top && index <= top + grid.clientHeight / ROW_HEIGHT ? id : null;
    };
    const ringed = document.activeElement === grid ? inSight(selected?.id) : null;
    const keep = [editing?.id ?? null, inSight(hovered.current), ringed, topmost];
    const shift = anchorShift({ before: was.slice, after: slice, keep });
    // Who stood at the top and is kept from moving would never learn of what arrived there.
    if (shift > 0 && grid.scrollTop === 0) onHidden(true);
    if (shift !== 0) grid.scrollTop += shift * ROW_HEIGHT;
  }, [slice, specKey, gridRef, hovered, onHidden]);
}

/** Brings a row that was just written here into sight and puts the ring on it. */
function useReveal(slice: ViewSlice | null, scrollToIndex: (index: number) => void): void {
  const reveal = useTaskList((state) => state.reveal);
  useEffect(() => {
    if (!reveal || !slice) return;
    const at = slice.ids.indexOf(reveal);
    if (at < 0) return;
    useTaskList.setState({ reveal: null, selected: { index: slice.from + at, id: reveal } });
    scrollToIndex(slice.from + at);
  }, [reveal, slice, scrollToIndex]);
}

function SkeletonRow({ index, top, ringed }: { index: number; top: number; ringed: boolean }) {
  return (
    <div
      id={rowElementId(index)}
      role="row"
      aria-rowindex={index + 1}
      aria-selected={ringed}
      tabIndex={-1}
      data-skeleton
      style={{ transform: `translateY(${top}px)` }}
      className="absolute inset-x-0 top-0 flex h-8 items-center gap-2 border-line border-b pr-4 pl-5"
    >
      <span role="gridcell" className="skeleton size-4 rounded-full bg-chip" />
      <span className="skeleton h-2.5 w-1/3 rounded bg-chip" />
    </div>
  );
}
