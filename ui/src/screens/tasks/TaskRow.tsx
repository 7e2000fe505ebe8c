import { CalendarDays, CircleAlert, Folder, Tag, UserRound } from "lucide-react";
import { memo, useRef } from "react";
import type { RecordId } from "../../backend/bindings/RecordId";
import type { Task } from "../../backend/bindings/Task";
import type { TaskRow as Row } from "../../backend/bindings/TaskRow";
import { Avatar, ProjectDot } from "../../components/Avatar";
import { classes } from "../../components/classes";
import { PriorityMark, StatusMark } from "../../components/Marks";
import type { CivilDate } from "../../format/civil";
import { formatDateLong, formatDue } from "../../format/format";
import { useMessages } from "../../i18n";
import { errorText } from "../../i18n/errors";
import { priorityLabel, statusLabel } from "../../i18n/labels";
import { usePerson, useProject, useTouched } from "../../stores/window";
import { openPicker, type PickerField } from "./list-state";
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

/** Unset values show only where the pointer or the selection is. */
function quiet(selected: boolean): string {
  return selected ? "flex text-text-3" : "flex text-text-3 opacity-0 group-hover:opacity-100";
}

interface CellProps {
  field: PickerField;
  task: Task;
  /** The field and its value in full, as a hint for the pointer. */
  label: string;
  /** What is read aloud before the visible words; the whole label when there are none. */
  spoken?: string;
  className?: string;
  children: React.ReactNode;
}

function Cell({ field, task, label, spoken = label, className, children }: CellProps) {
  return (
    <span role="gridcell" className={classes("relative flex shrink-0", className)}>
      <button
        type="button"
        tabIndex={-1}
        data-field={field}
        title={label}
        className="flex h-6 min-w-6 max-w-full items-center gap-1.5 rounded px-1 hover:bg-line"
        onClick={(event) => openPicker(task.id, field, event.currentTarget)}
      >
        <span className="sr-only">{spoken} </span>
        {children}
      </button>
    </span>
  );
}

const icon = { size: 14, strokeWidth: 1.5, "aria-hidden": true } as const;

function Tags({ task, selected }: { task: Task; selected: boolean }) {
  const m = useMessages();
  const shown = task.tags.slice(0, 2);
  const more = task.tags.length - shown.length;
  const label = `${m.field_tags()}: ${task.tags.join(", ") || m.field_none()}`;
  return (
    <Cell
      field="tags"
      task={task}
      label={label}
      spoken={shown.length > 0 ? `${m.field_tags()}:` : label}
      className="max-w-52 justify-end @max-3xl:hidden"
    >
      {shown.length === 0 && (
        <span className={quiet(selected)}>
          <Tag {...icon} />
        </span>
      )}
      {shown.map((tag) => (
        <span
          key={tag}
          className="max-w-22 truncate rounded bg-chip group-aria-selected:bg-raised px-1.5 text-chip-text text-xs leading-[18px]"
        >
          {tag}
        </span>
      ))}
      {more > 0 && <span className="tabular text-text-3 text-xs">+{more}</span>}
    </Cell>
  );
}

function Project({ task, selected }: { task: Task; selected: boolean }) {
  const m = useMessages();
  const project = useProject(task.project_id);
  const label = `${m.field_project()}: ${project?.name ?? m.field_none()}`;
  return (
    <Cell
      field="project"
      task={task}
      label={label}
      spoken={project ? `${m.field_project()}:` : label}
      className="w-40 @max-xl:w-28 @7xl:w-56"
    >
      {project ? (
        <>
          <ProjectDot id={project.id} />
          <span className="truncate text-sm text-text-2">{project.name}</span>
        </>
      ) : (
        <span className={quiet(selected)}>
          <Folder {...icon} />
        </span>
      )}
    </Cell>
  );
}

function Assignee({ task, selected }: { task: Task; selected: boolean }) {
  const m = useMessages();
  const person = usePerson(task.assignee);
  return (
    <Cell
      field="assignee"
      task={task}
      label={`${m.field_assignee()}: ${person?.name ?? m.field_none()}`}
      className="w-[26px] justify-center"
    >
      {person ? (
        <Avatar id={person.id} name={person.name} colour={person.colour} />
      ) : (
        <span className={quiet(selected)}>
          <UserRound {...icon} />
        </span>
      )}
    </Cell>
  );
}

interface DueProps {
  task: Task;
  today: CivilDate;
  selected: boolean;
  closed: boolean;
}

function Due({ task, today, selected, closed }: DueProps) {
  const m = useMessages();
  const due = task.due_date;
  const late = due !== null && due < today && !closed;
  const label = due
    ? `${m.field_due()}: ${formatDateLong(due)}${late ? `, ${m.tasks_overdue()}` : ""}`
    : `${m.field_due()}: ${m.field_none()}`;
  return (
    <Cell
      field="due"
      task={task}
      label={label}
      spoken={due ? `${m.field_due()}:` : label}
      className="w-28 justify-end @max-xl:w-24"
    >
      {due ? (
        <span
          className={classes(
            "tabular flex items-center gap-1 text-sm",
            late ? "font-medium text-bad" : due === today ? "text-warn" : "text-text-2",
          )}
        >
          {late && <CircleAlert size={12} strokeWidth={2} aria-hidden="true" />}
          {formatDue(due, today)}
          {late && <span className="sr-only">, {m.tasks_overdue()}</span>}
        </span>
      ) : (
        <span className={quiet(selected)}>
          <CalendarDays {...icon} />
        </span>
      )}
    </Cell>
  );
}

/** A tint that runs once when somebody else changed the row, and never because the row scrolled into sight. */
function Touched({ id }: { id: RecordId }) {
  const touched = useTouched(id);
  const atMount = useRef(touched);
  if (touched === atMount.current) return null;
  return <span key={touched} aria-hidden="true" className="touched pointer-events-none absolute inset-0" />;
}
