import { useEffect, useMemo, useRef } from "react";
import { Button } from "../../components/Button";
import { Empty } from "../../components/Empty";
import { useToday } from "../../format/today";
import { useMessages } from "../../i18n";
import { FilterBar } from "./FilterBar";
import { defaultFilter, isNarrowed, toSpec } from "./filter";
import { belongsToFocus, handleListKey } from "./keys";
import { resetTaskList, setFilter, useTaskList } from "./list-state";
import { QuickAdd } from "./QuickAdd";
import { RowPicker } from "./RowPicker";
import { TaskList } from "./TaskList";
import { ROW_HEIGHT } from "./TaskRow";
import { useTaskView } from "./view";

/** The tasks of the workspace. */
export function TasksScreen() {
  const m = useMessages();
  const today = useToday();
  const filter = useTaskList((state) => state.filter);
  const spec = useMemo(() => toSpec(filter), [filter]);
  const view = useTaskView(spec);
  const addRef = useRef<HTMLInputElement>(null);
  const searchRef = useRef<HTMLInputElement>(null);
  const gridRef = useRef<HTMLDivElement>(null);
  const focusList = () => (gridRef.current ? gridRef.current.focus() : blurAll());

  useEffect(() => resetTaskList, []);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing || belongsToFocus(event)) return;
      const handled = handleListKey(event, {
        slice: view.slice,
        page: Math.max(1, Math.floor((gridRef.current?.clientHeight ?? 0) / ROW_HEIGHT) - 1),
        scrollTo: (index) => scrollIntoSight(gridRef.current, index),
        focusAdd: () => addRef.current?.focus(),
        focusSearch: () => searchRef.current?.select(),
        focusGrid: () => gridRef.current?.focus({ preventScroll: true }),
      });
      if (handled) event.preventDefault();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [view.slice]);

  const empty = view.current && view.slice?.count === 0;
  return (
    <main className="@container flex min-h-0 min-w-0 flex-1 flex-col bg-ground" aria-label={m.nav_tasks()}>
      <h1 className="sr-only">{m.nav_tasks()}</h1>
      <QuickAdd today={today} inputRef={addRef} onLeave={focusList} />
      <FilterBar count={view.slice?.count ?? null} searchRef={searchRef} onLeave={focusList} />
      {empty ? (
        isNarrowed(filter) ? (
          <Empty
            title={m.tasks_no_match_title()}
            text={m.tasks_no_match_text()}
            action={<Button onClick={() => setFilter(defaultFilter)}>{m.filter_clear()}</Button>}
          />
        ) : (
          <Empty
            title={m.tasks_empty_title()}
            text={m.tasks_empty_text()}
            hotkey="N"
            action={
              <>
                <Button look="filled" onClick={() => addRef.current?.focus()}>
                  {m.tasks_empty_action()}
                </Button>
                <Button look="quiet" onClick={() => setFilter({ status: "all" })}>
                  {m.tasks_show_all()}
                </Button>
              </>
            }
          />
        )
      ) : (
        <TaskList view={view} specKey={JSON.stringify(spec)} today={today} gridRef={gridRef} />
      )}
      <RowPicker today={today} onDone={focusList} />
    </main>
  );
}

function blurAll(): void {
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
}

/** Scrolls only as far as the row needs. */
function scrollIntoSight(grid: HTMLElement | null, index: number): void {
  if (!grid) return;
  const top = index * ROW_HEIGHT;
  if (top < grid.scrollTop) grid.scrollTop = top;
  else if (top + ROW_HEIGHT > grid.scrollTop + grid.clientHeight) grid.scrollTop = top + ROW_HEIGHT - grid.clientHeight;
}
