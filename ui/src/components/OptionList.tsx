import { Check } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useMemo, useRef, useState } from "react";
import { useMessages } from "../i18n";
import { classes } from "./classes";

export interface Option<T> {
  value: T;
  label: string;
  icon?: ReactNode;
}

interface OptionListProps<T> {
  label: string;
  options: readonly Option<T>[];
  isChosen: (value: T) => boolean;
  onChoose: (value: T) => void;
  /** Offers the typed text as a new value. */
  onCreate?: (text: string) => void;
  createLabel?: (text: string) => string;
}

/** A list to choose from by typing and arrows. The focus stays in the field; the list follows it. */
export function OptionList<T>({ label, options, isChosen, onChoose, onCreate, createLabel }: OptionListProps<T>) {
  const m = useMessages();
  const [text, setText] = useState("");
  const [active, setActive] = useState(() =>
    Math.max(
      0,
      options.findIndex((option) => isChosen(option.value)),
    ),
  );
  const listId = useId();
  const activeRef = useRef<HTMLDivElement>(null);
  const shown = useMemo(() => matching(options, text), [options, text]);
  const wanted = text.trim();
  const creatable = onCreate && wanted !== "" && !shown.some((option) => option.label === wanted) ? wanted : null;
  const total = shown.length + (creatable ? 1 : 0);
  const current = Math.min(active, Math.max(0, total - 1));

  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls again whenever the active option moves
  useEffect(() => {
    // In braces: newer browsers answer with a promise, which React would take for a clean-up.
    activeRef.current?.scrollIntoView?.({ block: "nearest" });
  }, [current]);

  const choose = (index: number) => {
    const option = shown[index];
    if (option) onChoose(option.value);
    else if (creatable) onCreate?.(creatable);
    if (!option && creatable) setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && total > 0) setActive((current + step + total) % total);
    else if (event.key === "Home") setActive(0);
    else if (event.key === "End") setActive(Math.max(0, total - 1));
    else if (event.key === "Enter") choose(current);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className="flex w-56 flex-col">
      <input
        // biome-ignore lint/a11y/noAutofocus: the popover was opened to type or choose here
        autoFocus
        role="combobox"
        aria-label={label}
        aria-expanded="true"
        aria-controls={listId}
        aria-activedescendant={total > 0 ? `${listId}-${current}` : undefined}
        className="h-8 border-line border-b bg-transparent px-3 text-text outline-none"
        placeholder={label}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div id={listId} role="listbox" aria-label={label} className="max-h-64 overflow-auto p-1">
        {shown.map((option, index) => (
          <OptionRow
            key={`${option.label}-${String(option.value)}`}
            id={`${listId}-${index}`}
            active={index === current}
            chosen={isChosen(option.value)}
            ref={index === current ? activeRef : undefined}
            onHover={() => setActive(index)}
            onChoose={() => choose(index)}
          >
            {option.icon}
            <span className="min-w-0 flex-1 truncate">{option.label}</span>
          </OptionRow>
        ))}
        {creatable && (
          <OptionRow
            id={`${listId}-${shown.length}`}
            active={current === shown.length}
            chosen={false}
            onHover={() => setActive(shown.length)}
            onChoose={() => choose(shown.length)}
          >
            <span className="min-w-0 flex-1 truncate">{createLabel?.(creatable) ?? creatable}</span>
          </OptionRow>
        )}
        {total === 0 && <p className="px-2 py-1.5 text-text-3">{m.options_none()}</p>}
      </div>
    </div>
  );
}

interface OptionRowProps {
  id: string;
  active: boolean;
  chosen: boolean;
  ref?: React.Ref<HTMLDivElement> | undefined;
  onHover: () => void;
  onChoose: () => void;
  children: ReactNode;
}

function OptionRow({ id, active, chosen, ref, onHover, onChoose, children }: OptionRowProps) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled by the field that owns the list
    <div
      ref={ref}
      id={id}
      role="option"
      aria-selected={chosen}
      className={classes("flex h-7 items-center gap-2 rounded px-2 text-text", active && "bg-selection")}
      onPointerMove={onHover}
      onPointerDown={(event) => event.preventDefault()}
      onClick={onChoose}
    >
      {children}
      {chosen && <Check size={14} strokeWidth={2} className="text-accent-text" aria-hidden="true" />}
    </div>
  );
}

/** Options whose name has every typed word at the beginning of one of its words, in their own order. */
export function matching<T>(options: readonly Option<T>[], text: string): readonly Option<T>[] {
  const words = text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return options;
  return options.filter((option) => {
    const parts = option.label.toLocaleLowerCase().split(/[\s\-/]+/);
    return words.every((word) => parts.some((part) => part.startsWith(word)));
  });
}
