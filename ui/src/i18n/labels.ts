import type { DueFilter } from "../backend/bindings/DueFilter";
import type { Priority } from "../backend/bindings/Priority";
import type { Role } from "../backend/bindings/Role";
import type { TaskSort } from "../backend/bindings/TaskSort";
import type { TaskStatus } from "../backend/bindings/TaskStatus";
import { m } from "./index";

/** The words for the closed lists of the domain, in the order in which a person reads them. */
export const STATUSES: readonly TaskStatus[] = ["open", "in_progress", "review", "done", "cancelled"];
export const PRIORITIES: readonly Priority[] = ["urgent", "high", "normal", "low"];
export const DUE_FILTERS: readonly DueFilter[] = ["overdue", "today", "week", "none"];
export const SORTS: readonly TaskSort[] = ["rank", "due", "priority", "name", "status", "updated"];

const statuses: Record<TaskStatus, () => string> = {
  open: () => m.status_open(),
  in_progress: () => m.status_in_progress(),
  review: () => m.status_review(),
  done: () => m.status_done(),
  cancelled: () => m.status_cancelled(),
};
const priorities: Record<Priority, () => string> = {
  low: () => m.priority_low(),
  normal: () => m.priority_normal(),
  high: () => m.priority_high(),
  urgent: () => m.priority_urgent(),
};
const dues: Record<DueFilter, () => string> = {
  overdue: () => m.due_overdue(),
  today: () => m.due_today(),
  week: () => m.due_week(),
  none: () => m.due_none(),
};
const sorts: Record<TaskSort, () => string> = {
  rank: () => m.sort_rank(),
  due: () => m.sort_due(),
  priority: () => m.sort_priority(),
  name: () => m.sort_name(),
  status: () => m.sort_status(),
  updated: () => m.sort_updated(),
};
const roles: Record<Role, () => string> = {
  viewer: () => m.role_viewer(),
  member: () => m.role_member(),
  manager: () => m.role_manager(),
  admin: () => m.role_admin(),
  owner: () => m.role_owner(),
};

export const statusLabel = (status: TaskStatus) => statuses[status]();
export const priorityLabel = (priority: Priority) => priorities[priority]();
export const dueFilterLabel = (due: DueFilter) => dues[due]();
export const sortLabel = (sort: TaskSort) => sorts[sort]();
export const roleLabel = (role: Role) => roles[role]();
