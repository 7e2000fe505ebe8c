import type { Task } from "../../backend/bindings/Task";
import type { TaskField } from "../../backend/bindings/TaskField";
import { Avatar, ProjectDot } from "../../components/Avatar";
import { Calendar } from "../../components/Calendar";
import { Floating } from "../../components/Floating";
import { PriorityMark, StatusMark } from "../../components/Marks";
import { OptionList } from "../../components/OptionList";
import type { CivilDate } from "../../format/civil";
import { useMessages } from "../../i18n";
import { PRIORITIES, priorityLabel, STATUSES, statusLabel } from "../../i18n/labels";
import { usePeople, useProjects, useTaskRow } from "../../stores/window";
import { setField } from "./actions";
import { closePicker, type PickerField, useTaskList } from "./list-state";
import { peopleOptions, projectOptions, useKnownTags } from "./options";

interface RowPickerProps {
  today: CivilDate;
  /** Gives the focus back to the list. */
  onDone: () => void;
}

/** The one panel of the list: it changes a field of the row it was opened at. */
export function RowPicker({ today, onDone }: RowPickerProps) {
  const m = useMessages();
  const picker = useTaskList((state) => state.picker);
  const row = useTaskRow(picker?.id ?? "");
  if (!picker || !row) return null;
  const close = () => {
    closePicker();
    onDone();
  };
  const labels = {
    status: m.field_status(),
    priority: m.field_priority(),
    project: m.field_project(),
    assignee: m.field_assignee(),
    tags: m.field_tags(),
    due: m.field_due(),
  };
  const choose = (field: TaskField) => {
    void setField(row.task.id, field);
    close();
  };
  return (
    <Floating key={`${picker.id}-${picker.field}`} anchor={picker.anchor} label={labels[picker.field]} onClose={close}>
      <FieldPicker field={picker.field} label={labels[picker.field]} task={row.task} today={today} choose={choose} />
    </Floating>
  );
}

interface FieldPickerProps {
  field: PickerField;
  label: string;
  task: Task;
  today: CivilDate;
  choose: (field: TaskField) => void;
}

function FieldPicker({ field, label, task, today, choose }: FieldPickerProps) {
  const m = useMessages();
  const projects = useProjects();
  const people = usePeople();
  switch (field) {
    case "status":
      return (
        <OptionList
          label={label}
          options={STATUSES.map((value) => ({ value, label: statusLabel(value), icon: <StatusMark status={value} /> }))}
          isChosen={(value) => value === task.status}
          onChoose={(value) => choose({ field: "status", value })}
        />
      );
    case "priority":
      return (
        <OptionList
          label={label}
          options={PRIORITIES.map((value) => ({
            value,
            label: priorityLabel(value),
            icon: <PriorityMark priority={value} />,
          }))}
          isChosen={(value) => value === task.priority}
          onChoose={(value) => choose({ field: "priority", value })}
        />
      );
    case "project":
      return (
        <OptionList
          label={label}
          options={[
            { value: null, label: m.field_no_project() },
            ...projectOptions(projects, (project) => <ProjectDot id={project.id} />),
          ]}
          isChosen={(value) => value === task.project_id}
          onChoose={(value) => choose({ field: "project_id", value })}
        />
      );
    case "assignee":
      return (
        <OptionList
          label={label}
          options={[
            { value: null, label: m.field_nobody() },
            ...peopleOptions(people, (person) => <Avatar id={person.id} name={person.name} colour={person.colour} />),
          ]}
          isChosen={(value) => value === task.assignee}
          onChoose={(value) => choose({ field: "assignee", value })}
        />
      );
    case "tags":
      return <TagPicker label={label} task={task} />;
    case "due":
      return (
        <Calendar
          label={label}
          value={task.due_date}
          today={today}
          onChoose={(value) => choose({ field: "due_date", value })}
        />
      );
  }
}

/** Tags are a set: choosing one adds or removes it, and the panel stays for the next. */
function TagPicker({ label, task }: { label: string; task: Task }) {
  const m = useMessages();
  const known = useKnownTags();
  const all = [...new Set([...task.tags, ...known])];
  const set = (tags: string[]) => void setField(task.id, { field: "tags", value: tags });
  return (
    <OptionList
      label={label}
      options={all.map((value) => ({ value, label: value }))}
      isChosen={(value) => task.tags.includes(value)}
      onChoose={(value) =>
        set(task.tags.includes(value) ? task.tags.filter((tag) => tag !== value) : [...task.tags, value])
      }
      onCreate={(text) => set([...task.tags, text.slice(0, 60)])}
      createLabel={(text) => m.tags_create({ tag: text })}
    />
  );
}
