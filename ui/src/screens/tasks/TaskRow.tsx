import { CircleAlert } from "lucide-react";
import { memo, useRef } from "react";
import type { RecordId } from "../../backend/bindings/RecordId";
import type { Task } from "../../backend/bindings/Task";
import type { TaskRow as Row } from "../../backend/bindings/TaskRow";
import { classes } from "../../components/classes";
import { PriorityMark, StatusMark } from "../../components/Marks";
import type { CivilDate } from "../../format/civil";
import { useMessages } from "../../i18n";
import { errorText } from "../../i18n/errors";
import { priorityLabel, statusLabel } from "../../i18n/labels";
import { useTouched } from "../../stores/window";
import { openPicker } from "./list-state";
import { Assignee, Cell, Due, Project, quiet, Tags } from "./TaskCells";
import { TitleEditor } from "./TitleEditor";

export const ROW_HEIGHT = 32;

/** The id of a row's element, which the grid names as its active descendant. */
export const rowElementId = (index: number) => `task-row-${index}`;

interface TaskRowProps {
  row: Row;
  index: number;
  top: number;
  today: CivilDate;
  selected: boolean;
  editing: boolean;
  onSelect: (index: number, id: RecordId) => void;
  onEdit: (task: Task) => void;
  onToggle: (task: Task) => void;
}

/** One line of the list: check, title, project, tags, person, due date; what is not set stays quiet until the pointer comes. */
export const TaskRow = memo(function TaskRow(props: TaskRowProps) {
  const { row, index, top, today, selected, editing, onSelect, onEdit, onToggle } = props;
  const m = useMessages();
  const { task } = row;
  const closed = task.status === "done" || task.status === "cancelled";
  return (
    <div
      id={rowElementId(index)}
      role="row"
      aria-rowindex={index + 1}
      aria-selected={selected}
      data-task={task.id}
      data-pending={row.pending || undefined}
      data-failed={row.failed ? true : undefined}
      onPointerDown={() => onSelect(index, task.id)}
      style={{ transform: `translateY(${top}px)` }}
      className={classes(
        "group absolute inset-x-0 top-0 flex h-8 items-center gap-2 border-line border-b pr-4 pl-2",
        selected
          ? "z-1 bg-selection group-focus-visible/grid:outline-2 group-focus-visible/grid:-outline-offset-2 group-focus-visible/grid:outline-accent"
          : "hover:bg-hover",
      )}
    >
      <Touched id={task.id} />
      <span className="relative flex w-2 shrink-0 justify-center" role="gridcell">
        {row.pending && (
          <span
            className="size-1.5 rounded-full bg-accent"
            role="img"
            aria-label={m.tasks_pending()}
            title={m.tasks_pending()}
          />
        )}
      </span>
      <span role="gridcell" className="relative flex shrink-0">
        <button
          type="button"
          role="checkbox"
          tabIndex={-1}
          aria-checked={task.status === "done"}
          aria-label={`${m.tasks_complete()}: ${task.name} (${statusLabel(task.status)})`}
          title={`${statusLabel(task.status)} (X)`}
          className="rounded-full p-1 hover:bg-line"
          onClick={() => onToggle(task)}
          onContextMenu={(event) => {
            event.preventDefault();
            openPicker(task.id, "status", event.currentTarget);
          }}
        >
          <StatusMark status={task.status} />
        </button>
      </span>
      <Cell field="priority" task={task} label={`${m.field_priority()}: ${priorityLabel(task.priority)}`}>
        <span className={classes(task.priority === "normal" || task.priority === "low" ? quiet(selected) : "flex")}>
          <PriorityMark priority={task.priority} />
        </span>
      </Cell>
      <span
        role="gridcell"
        className="relative flex min-w-24 flex-1 items-center self-stretch"
        onDoubleClick={() => !editing && onEdit(task)}
      >
        {editing ? (
          <TitleEditor id={task.id} />
        ) : (
          <span className={classes("truncate font-medium", closed && "text-text-3 line-through")} title={task.name}>
            {task.name}
          </span>
        )}
      </span>
      {row.failed ? (
        <span
          role="gridcell"
          className="relative flex min-w-0 max-w-[38%] items-center gap-1.5 text-bad text-sm"
          title={errorText(row.failed)}
        >
          <CircleAlert size={14} strokeWidth={1.5} className="shrink-0" aria-hidden="true" />
          <span className="truncate">{errorText(row.failed)}</span>
        </span>
      ) : (
        <>
          <Tags task={task} selected={selected} />
          <Project task={task} selected={selected} />
        </>
      )}
      <Assignee task={task} selected={selected} />
      <Due task={task} today={today} selected={selected} closed={closed} />
    </div>
  );
});

/** A tint that runs once when somebody else changed the row, and never because the row scrolled into sight. */
function Touched({ id }: { id: RecordId }) {
  const touched = useTouched(id);
  const atMount = useRef(touched);
  if (touched === atMount.current) return null;
  return <span key={touched} aria-hidden="true" className="touched pointer-events-none absolute inset-0" />;
}
