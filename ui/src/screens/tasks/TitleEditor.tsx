import { useEffect, useRef } from "react";
import type { RecordId } from "../../backend/bindings/RecordId";
import { useMessages } from "../../i18n";
import { LONGEST_NAME, saveEditing } from "./actions";
import { stopEditing, useTaskList } from "./list-state";

/** The title of a row while it is typed into. It shows its own draft, so nothing that arrives meanwhile moves the caret. */
export function TitleEditor({ id }: { id: RecordId }) {
  const m = useMessages();
  const draft = useTaskList((state) => (state.editing?.id === id ? state.editing.draft : ""));
  const ref = useRef<HTMLInputElement>(null);
  useEffect(() => {
    ref.current?.focus();
    ref.current?.select();
  }, []);
  const backToList = () => ref.current?.closest<HTMLElement>('[role="grid"]')?.focus();
  return (
    <input
      ref={ref}
      aria-label={m.tasks_edit_title()}
      className="-mx-1.5 h-6 w-full rounded border border-line-strong bg-raised px-1 font-medium text-text"
      maxLength={LONGEST_NAME}
      value={draft}
      onChange={(event) => {
        const { value } = event.target;
        useTaskList.setState((state) => (state.editing ? { editing: { ...state.editing, draft: value } } : {}));
      }}
      onBlur={() => void saveEditing()}
      onPointerDown={(event) => event.stopPropagation()}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.nativeEvent.isComposing) return;
        if (event.key === "Enter") {
          void saveEditing();
          backToList();
        } else if (event.key === "Escape") {
          stopEditing();
          backToList();
        }
      }}
    />
  );
}
