import { ArrowDown, ArrowUp, ChevronDown, Search, X } from "lucide-react";
import { type ReactNode, type RefObject, useRef, useState } from "react";
import { Avatar, ProjectDot } from "../../components/Avatar";
import { IconButton } from "../../components/Button";
import { classes } from "../../components/classes";
import { Floating } from "../../components/Floating";
import { Kbd } from "../../components/Kbd";
import { StatusMark } from "../../components/Marks";
import { type Option, OptionList } from "../../components/OptionList";
import { formatCount } from "../../format/format";
import { useMessages } from "../../i18n";
import { DUE_FILTERS, dueFilterLabel, SORTS, STATUSES, sortLabel, statusLabel } from "../../i18n/labels";
import { usePeople, usePerson, useProject, useProjects } from "../../stores/window";
import { defaultFilter, isNarrowed, type ListFilter, withSort } from "./filter";
import { setFilter, useTaskList } from "./list-state";
import { peopleOptions, projectOptions, useKnownTags } from "./options";

interface FilterBarProps {
  count: number | null;
  searchRef: RefObject<HTMLInputElement | null>;
  onLeave: () => void;
}

/** Which tasks, and in which order. */
export function FilterBar({ count, searchRef, onLeave }: FilterBarProps) {
  const m = useMessages();
  const filter = useTaskList((state) => state.filter);
  const project = useProject(filter.project);
  const person = usePerson(filter.assignee);
  const projects = useProjects();
  const people = usePeople();
  const tags = useKnownTags();
  const any = { value: null, label: m.filter_any() };
  const statusName = (status: ListFilter["status"]) =>
    status === "active" ? m.filter_active() : status === "all" ? m.filter_all() : statusLabel(status);
  return (
    <div
      role="toolbar"
      aria-label={m.filter_bar()}
      className="flex min-h-10 shrink-0 flex-wrap items-center gap-1 border-line border-b px-4 py-1"
    >
      <div className="flex h-7 w-52 items-center gap-1.5 rounded-md border border-line bg-raised px-2 focus-within:border-accent @max-3xl:w-40">
        <Search size={14} strokeWidth={1.5} className="shrink-0 text-text-3" aria-hidden="true" />
        <input
          ref={searchRef}
          type="search"
          aria-label={m.filter_text()}
          aria-keyshortcuts="/"
          placeholder={m.filter_text()}
          className="min-w-0 flex-1 bg-transparent outline-none [&::-webkit-search-cancel-button]:hidden"
          value={filter.text}
          onChange={(event) => setFilter({ text: event.target.value })}
          onKeyDown={(event) => {
            if (event.key === "Escape" && filter.text !== "") setFilter({ text: "" });
            else if (event.key === "Escape" || event.key === "Enter" || event.key === "ArrowDown") onLeave();
            else return;
            event.preventDefault();
            event.stopPropagation();
          }}
        />
        {filter.text === "" && <Kbd>/</Kbd>}
      </div>
      <Choice
        label={m.field_status()}
        value={statusName(filter.status)}
        on={filter.status !== "active"}
        options={(["active", "all", ...STATUSES] as const).map((value) => ({
          value,
          label: statusName(value),
          icon: value === "active" || value === "all" ? undefined : <StatusMark status={value} />,
        }))}
        chosen={filter.status}
        onChoose={(status) => setFilter({ status })}
      />
      <Choice
        label={m.field_project()}
        value={project?.name ?? null}
        on={filter.project !== null}
        options={[any, ...projectOptions(projects, (each) => <ProjectDot id={each.id} />)]}
        chosen={filter.project}
        onChoose={(value) => setFilter({ project: value })}
      />
      <Choice
        label={m.field_assignee()}
        value={person?.name ?? null}
        on={filter.assignee !== null}
        options={[
          any,
          ...peopleOptions(people, (each) => <Avatar id={each.id} name={each.name} colour={each.colour} />),
        ]}
        chosen={filter.assignee}
        onChoose={(value) => setFilter({ assignee: value })}
      />
      <Choice
        label={m.field_due()}
        value={filter.due ? dueFilterLabel(filter.due) : null}
        on={filter.due !== null}
        options={[any, ...DUE_FILTERS.map((value) => ({ value, label: dueFilterLabel(value) }))]}
        chosen={filter.due}
        onChoose={(value) => setFilter({ due: value })}
      />
      <Choice
        label={m.field_tags()}
        value={filter.tag}
        on={filter.tag !== null}
        options={[any, ...tags.map((value) => ({ value, label: value }))]}
        chosen={filter.tag}
        onChoose={(value) => setFilter({ tag: value })}
      />
      {isNarrowed(filter) && (
        <IconButton
          label={m.filter_clear()}
          onClick={() => setFilter({ ...defaultFilter, sort: filter.sort, descending: filter.descending })}
        >
          <X size={14} strokeWidth={1.5} />
        </IconButton>
      )}
      <div className="ml-auto flex items-center gap-1">
        <span className="tabular text-sm text-text-3" aria-live="polite" data-count={count ?? undefined}>
          {count === null ? "" : m.tasks_count({ count, shown: formatCount(count) })}
        </span>
        <Choice
          label={m.sort_by()}
          value={sortLabel(filter.sort)}
          on={false}
          options={SORTS.map((value) => ({ value, label: sortLabel(value) }))}
          chosen={filter.sort}
          onChoose={(sort) => setFilter(withSort(filter, sort))}
        />
        <IconButton
          label={filter.descending ? m.sort_descending() : m.sort_ascending()}
          onClick={() => setFilter({ descending: !filter.descending })}
        >
          {filter.descending ? <ArrowDown size={14} strokeWidth={1.5} /> : <ArrowUp size={14} strokeWidth={1.5} />}
        </IconButton>
      </div>
    </div>
  );
}

interface ChoiceProps<T> {
  label: string;
  value: string | null;
  /** Whether it narrows the list. */
  on: boolean;
  options: readonly Option<T>[];
  chosen: T;
  onChoose: (value: T) => void;
}

function Choice<T>({ label, value, on, options, chosen, onChoose }: ChoiceProps<T>): ReactNode {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        aria-haspopup="listbox"
        aria-expanded={open}
        aria-label={value ? `${label}: ${value}` : label}
        onClick={() => setOpen(!open)}
        className={classes(
          "flex h-7 max-w-44 items-center gap-1 rounded-md px-2 hover:bg-hover",
          on ? "bg-selection font-medium text-accent-text" : "text-text-2",
        )}
      >
        <span className="truncate">{value ?? label}</span>
        <ChevronDown size={14} strokeWidth={1.5} className="shrink-0" aria-hidden="true" />
      </button>
      {open && button.current && (
        <Floating anchor={button.current} label={label} onClose={close}>
          <OptionList
            label={label}
            options={options}
            isChosen={(each) => each === chosen}
            onChoose={(each) => {
              onChoose(each);
              close();
            }}
          />
        </Floating>
      )}
    </>
  );
}
