import { asAppError } from "../../backend";
import type { Command } from "../../backend/bindings/Command";
import type { RecordId } from "../../backend/bindings/RecordId";
import type { Task } from "../../backend/bindings/Task";
import type { TaskField } from "../../backend/bindings/TaskField";
import type { CivilDate } from "../../format/civil";
import { m } from "../../i18n";
import { send } from "../../stores/connection";
import { showError, showToast } from "../../stores/toasts";
import { uuidV7 } from "../../stores/uuid";
import { defaultFilter, drafted, fieldsFromFilter, shows } from "./filter";
import { setFilter, useTaskList } from "./list-state";

/** The longest name the database takes. */
export const LONGEST_NAME = 500;

/** Writes a task from a typed line. Answers whether it was saved, so that the line is cleared only then. */
export async function addTask(line: string, today: CivilDate): Promise<boolean> {
  const name = line.trim().slice(0, LONGEST_NAME);
  if (name === "") return false;
  const { filter } = useTaskList.getState();
  const set = fieldsFromFilter(filter, today);
  const id = uuidV7();
  useTaskList.setState({ reveal: id });
  if (!(await done({ type: "task_create", draft: { id, name, set } }))) return false;
  if (!shows(filter, drafted(name, set), today)) {
    showToast({
      tone: "plain",
      text: m.tasks_added_hidden({ name }),
      action: { label: m.filter_clear(), run: () => setFilter(defaultFilter) },
    });
  }
  return true;
}

export function setField(id: RecordId, field: TaskField): Promise<boolean> {
  return done({ type: "task_edit", id, set: [field] });
}

/** Saves what was typed into a row. What could not be saved stays in the row, ready to be sent again. */
export async function saveEditing(): Promise<void> {
  const { editing } = useTaskList.getState();
  if (!editing) return;
  useTaskList.setState({ editing: null });
  const name = editing.draft.trim().slice(0, LONGEST_NAME);
  if (name === "" || name === editing.before) return;
  const saved = await setField(editing.id, { field: "name", value: name });
  if (!saved && useTaskList.getState().editing === null) useTaskList.setState({ editing });
}

export async function toggleDone(task: Task): Promise<void> {
  const status = task.status === "done" ? "open" : "done";
  if (!(await setField(task.id, { field: "status", value: status })) || status === "open") return;
  showToast({
    tone: "plain",
    text: m.tasks_completed({ name: task.name }),
    action: {
      label: m.action_undo(),
      key: "Z",
      run: () => void setField(task.id, { field: "status", value: task.status }),
    },
  });
}

export async function deleteTask(task: Task): Promise<void> {
  if (!(await done({ type: "task_delete", id: task.id }))) return;
  showToast({
    tone: "plain",
    text: m.tasks_deleted({ name: task.name }),
    action: { label: m.action_undo(), key: "Z", run: () => void done({ type: "task_restore", id: task.id }) },
  });
}

export async function undo(): Promise<void> {
  await step({ type: "undo" }, (name) => m.tasks_undone({ name }));
}

export async function redo(): Promise<void> {
  await step({ type: "redo" }, (name) => m.tasks_redone({ name }));
}

async function step(command: Command, words: (name: string) => string): Promise<void> {
  try {
    const reply = await send(command);
    if (reply.type === "undone") showToast({ tone: "plain", text: words(reply.name) });
  } catch (thrown) {
    if (asAppError(thrown).code === "nothing_to_undo") showToast({ tone: "plain", text: m.error_nothing_to_undo() });
    else showError(thrown);
  }
}

async function done(command: Command): Promise<boolean> {
  try {
    await send(command);
    return true;
  } catch (thrown) {
    showError(thrown);
    return false;
  }
}
