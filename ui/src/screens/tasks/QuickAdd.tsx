import { Plus } from "lucide-react";
import { type RefObject, useState } from "react";
import { Kbd } from "../../components/Kbd";
import type { CivilDate } from "../../format/civil";
import { useMessages } from "../../i18n";
import { useProject } from "../../stores/window";
import { addTask, LONGEST_NAME } from "./actions";
import { useTaskList } from "./list-state";

interface QuickAddProps {
  today: CivilDate;
  inputRef: RefObject<HTMLInputElement | null>;
  /** Leaves the line for the list. */
  onLeave: () => void;
}

/** The line at the top: typing and Enter is all that a new task takes, and the next one can follow at once. */
export function QuickAdd({ today, inputRef, onLeave }: QuickAddProps) {
  const m = useMessages();
  const [line, setLine] = useState("");
  const project = useProject(useTaskList((state) => state.filter.project));
  const add = async () => {
    const sent = line;
    if (sent.trim() === "") return;
    setLine("");
    // What could not be saved comes back, unless the next line has been begun.
    if (!(await addTask(sent, today))) setLine((now) => (now === "" ? sent : now));
  };
  const addLines = async (lines: string[]) => {
    for (const each of lines) await addTask(each, today);
  };
  return (
    <div className="flex h-10 shrink-0 items-center gap-2 border-line border-b pr-4 pl-[26px] focus-within:bg-raised">
      <Plus size={16} strokeWidth={1.5} className="text-text-3" aria-hidden="true" />
      <input
        ref={inputRef}
        data-quick-add
        aria-label={m.tasks_add()}
        aria-keyshortcuts="N"
        placeholder={project ? m.tasks_add_to({ project: project.name }) : m.tasks_add()}
        className="peer h-full min-w-0 flex-1 bg-transparent text-text outline-none"
        maxLength={LONGEST_NAME}
        value={line}
        onChange={(event) => setLine(event.target.value)}
        onPaste={(event) => {
          const lines = event.clipboardData
            .getData("text/plain")
            .split(/\r?\n/)
            .filter((each) => each.trim() !== "");
          if (lines.length < 2 || line !== "") return;
          event.preventDefault();
          void addLines(lines);
        }}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          if (event.key === "Enter") void add();
          else if (event.key === "Escape" || event.key === "ArrowDown") onLeave();
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      />
      <span className="flex peer-focus:hidden">
        <Kbd>N</Kbd>
      </span>
      <span className="hidden text-text-3 text-sm peer-focus:block">{m.tasks_add_hint()}</span>
    </div>
  );
}
