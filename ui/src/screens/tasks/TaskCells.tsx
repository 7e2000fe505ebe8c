import { CalendarDays, CircleAlert, Folder, Tag, UserRound } from "lucide-react";
import type { ReactNode } from "react";
import type { Task } from "../../backend/bindings/Task";
import { Avatar, ProjectDot } from "../../components/Avatar";
import { classes } from "../../components/classes";
import type { CivilDate } from "../../format/civil";
import { formatDateLong, formatDue } from "../../format/format";
import { useMessages } from "../../i18n";
import { usePerson, useProject } from "../../stores/window";
import { openPicker, type PickerField } from "./list-state";

/** Unset values show only where the pointer or the selection is. */
export function quiet(selected: boolean): string {
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
  children: ReactNode;
}

export function Cell({ field, task, label, spoken = label, className, children }: CellProps) {
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

export function Tags({ task, selected }: { task: Task; selected: boolean }) {
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

export function Project({ task, selected }: { task: Task; selected: boolean }) {
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

export function Assignee({ task, selected }: { task: Task; selected: boolean }) {
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

export function Due({ task, today, selected, closed }: DueProps) {
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
