import type { DueFilter } from "../../backend/bindings/DueFilter";
import type { MemberId } from "../../backend/bindings/MemberId";
import type { RecordId } from "../../backend/bindings/RecordId";
import type { Task } from "../../backend/bindings/Task";
import type { TaskField } from "../../backend/bindings/TaskField";
import type { TaskSort } from "../../backend/bindings/TaskSort";
import type { TaskStatus } from "../../backend/bindings/TaskStatus";
import type { TaskViewSpec } from "../../backend/bindings/TaskViewSpec";
import { addDays, type CivilDate } from "../../format/civil";

/** What the filter bar holds. `active` is what a person means by "to do": everything that is neither done nor cancelled. */
export interface ListFilter {
  text: string;
  status: "active" | "all" | TaskStatus;
  project: RecordId | null;
  assignee: MemberId | null;
  tag: string | null;
  due: DueFilter | null;
  sort: TaskSort;
  descending: boolean;
}

export const defaultFilter: ListFilter = {
  text: "",
  status: "active",
  project: null,
  assignee: null,
  tag: null,
  due: null,
  sort: "rank",
  descending: false,
};

const active: TaskStatus[] = ["open", "in_progress", "review"];

/** The view that the engine is asked for. Equal filters make equal specs, so that they share one view. */
export function toSpec(filter: ListFilter): TaskViewSpec {
  const text = filter.text.trim();
  return {
    filter: {
      statuses: statusesOf(filter.status),
      project: filter.project,
      assignee: filter.assignee,
      tag: filter.tag,
      due: filter.due,
      text: text === "" ? null : text,
      trashed: false,
    },
    order: { by: filter.sort, descending: filter.descending },
  };
}

/** Whether anything but the order differs from what the list shows by itself. */
export function isNarrowed(filter: ListFilter): boolean {
  const { sort: _sort, descending: _descending, ...conditions } = { ...filter, text: filter.text.trim() };
  const { sort: _s, descending: _d, ...plain } = defaultFilter;
  return JSON.stringify(conditions) !== JSON.stringify(plain);
}

/** The direction in which a person expects an order to begin: the newest and the most pressing first. */
export function withSort(filter: ListFilter, sort: TaskSort): ListFilter {
  return { ...filter, sort, descending: sort === "updated" || sort === "priority" };
}

/** Fields that a new task takes from the filter, so that it appears in the list it was typed into. */
export function fieldsFromFilter(filter: ListFilter, today: CivilDate): TaskField[] {
  const set: TaskField[] = [];
  if (filter.project) set.push({ field: "project_id", value: filter.project });
  if (filter.assignee) set.push({ field: "assignee", value: filter.assignee });
  if (filter.tag) set.push({ field: "tags", value: [filter.tag] });
  if (filter.due === "today" || filter.due === "week") set.push({ field: "due_date", value: today });
  if (filter.status === "in_progress" || filter.status === "review")
    set.push({ field: "status", value: filter.status });
  return set;
}

/** What a filter looks at, of a task that may not exist yet. */
export type Filterable = Pick<Task, "name" | "status" | "project_id" | "assignee" | "tags" | "due_date">;

/** A task as it will be, made of a name and fields. */
export function drafted(name: string, set: readonly TaskField[]): Filterable {
  const task: Filterable = { name, status: "open", project_id: null, assignee: null, tags: [], due_date: null };
  for (const { field, value } of set) Object.assign(task, { [field]: value });
  return task;
}

/** Whether the filter shows the task. The engine decides for the list; this only says why a new task is not in sight. */
export function shows(filter: ListFilter, task: Filterable, today: CivilDate): boolean {
  const statuses = statusesOf(filter.status);
  const text = filter.text.trim().toLowerCase();
  return (
    (statuses.length === 0 || statuses.includes(task.status)) &&
    (filter.project === null || task.project_id === filter.project) &&
    (filter.assignee === null || task.assignee === filter.assignee) &&
    (filter.tag === null || task.tags.includes(filter.tag)) &&
    (text === "" || task.name.toLowerCase().includes(text)) &&
    dueMatches(filter.due, task.due_date, today)
  );
}

function statusesOf(status: ListFilter["status"]): TaskStatus[] {
  if (status === "all") return [];
  return status === "active" ? active : [status];
}

function dueMatches(filter: DueFilter | null, due: CivilDate | null, today: CivilDate): boolean {
  if (filter === null) return true;
  if (filter === "none") return due === null;
  if (due === null) return false;
  if (filter === "overdue") return due < today;
  return due <= (filter === "today" ? today : addDays(today, 7));
}
