import type { Member } from "../backend/bindings/Member";
import type { OutboxChange } from "../backend/bindings/OutboxChange";
import type { Project } from "../backend/bindings/Project";
import type { SessionState } from "../backend/bindings/SessionState";
import type { SyncStatus } from "../backend/bindings/SyncStatus";
import type { Task } from "../backend/bindings/Task";
import type { TaskRow } from "../backend/bindings/TaskRow";

/** Made-up records for the gallery and the component tests. No screen of the app reads them. */

export const sampleToday = "2026-03-12";

export function samplePerson(id: string, name: string, colour: number | null = null): Member {
  return {
    id,
    version: 1,
    auth_user: null,
    role: "member",
    finance_right: true,
    name,
    avatar: null,
    colour,
    removed_at: null,
  };
}

export function sampleProject(id: string, name: string): Project {
  return {
    id,
    version: 1,
    client_id: null,
    name,
    description: null,
    project_type: null,
    priority: "normal",
    status: "active",
    start_date: null,
    target_end_date: null,
    actual_end_date: null,
    project_owner: null,
    archived: false,
  };
}

export function sampleTask(id: string, name: string, fields: Partial<Task> = {}): Task {
  return {
    id,
    version: 1,
    project_id: null,
    parent_task: null,
    name,
    task_type: null,
    assignee: null,
    status: "open",
    review_stage: null,
    priority: "normal",
    start_date: null,
    due_date: null,
    estimate_hours: null,
    billable: true,
    notes: null,
    tags: [],
    rank: id,
    created_at: "2026-03-01T08:00:00Z",
    updated_at: "2026-03-01T08:00:00Z",
    created_by: null,
    deleted_at: null,
    ...fields,
  };
}

export function sampleRow(task: Task, more: Partial<TaskRow> = {}): TaskRow {
  return { task, pending: false, failed: null, ...more };
}

export function sampleSync(fields: Partial<SyncStatus> = {}): SyncStatus {
  return {
    phase: { phase: "live" },
    pending: 0,
    parked: 0,
    last_synced_ms: Date.now() - 4000,
    problem: null,
    ...fields,
  };
}

export const sampleSession: Extract<SessionState, { state: "open" }> = {
  state: "open",
  email: "mara@example.com",
  address: "http://127.0.0.1:54500",
  workspace: { tenant: "t1", name: "Studio North", member: "m1", role: "owner", finance_right: true },
  others: [],
  sign_in_needed: false,
};

export const samplePeople = [
  samplePerson("m1", "Mara Lindqvist", 0),
  samplePerson("m2", "Jonas Weber", 4),
  samplePerson("m3", "Aiko Tanaka", 8),
];

export const sampleProjects = [
  sampleProject("p1", "Website relaunch"),
  sampleProject("p2", "Annual report 2026"),
  sampleProject("p3", "Onboarding"),
];

export const sampleRows: TaskRow[] = [
  sampleRow(
    sampleTask("a", "Agree on the scope with the client", {
      assignee: "m1",
      project_id: "p1",
      due_date: "2026-03-12",
      priority: "high",
    }),
  ),
  sampleRow(
    sampleTask("b", "Draft the page tree", {
      status: "in_progress",
      assignee: "m2",
      project_id: "p1",
      due_date: "2026-03-14",
      tags: ["design", "structure", "draft"],
    }),
  ),
  sampleRow(
    sampleTask("c", "Check the photographs' licences", {
      status: "review",
      assignee: "m3",
      project_id: "p2",
      due_date: "2026-03-02",
      priority: "urgent",
      tags: ["legal"],
    }),
  ),
  sampleRow(
    sampleTask("d", "Send the invoice for February", { status: "done", assignee: "m1", due_date: "2026-02-28" }),
  ),
  sampleRow(sampleTask("e", "Print the old brochure again", { status: "cancelled", project_id: "p2" })),
  sampleRow(sampleTask("f", "Write the welcome letter", { project_id: "p3", due_date: "2027-01-08" }), {
    pending: true,
  }),
  sampleRow(sampleTask("g", "Rename the archive folder", { assignee: "m2" }), {
    failed: {
      code: "forbidden",
      message: "Your role does not allow this. Nothing was changed on the server.",
      retryable: false,
      details: null,
    },
  }),
  sampleRow(
    sampleTask(
      "h",
      "A very long title that goes on and on, because somebody pasted a whole sentence from an e-mail into it, with two more clauses and a reference number 2026-0312-A",
      {
        assignee: "m3",
        project_id: "p1",
        tags: ["an unusually long tag name", "second"],
        due_date: "2026-03-13",
        priority: "low",
      },
    ),
  ),
];

export const sampleParked: OutboxChange = {
  mutation: "x1",
  table: "tasks",
  record: "g",
  name: "Rename the archive folder",
  op: "update",
  fields: ["name"],
  at_ms: Date.now() - 60_000,
  waiting_for: null,
  refused: sampleRows[6]?.failed ?? null,
};
