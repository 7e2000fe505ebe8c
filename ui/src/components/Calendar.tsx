import { ChevronLeft, ChevronRight } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { addDays, addMonths, type CivilDate, weekday } from "../format/civil";
import { formatDateLong, formatMonth, weekdayNames } from "../format/format";
import { useMessages } from "../i18n";
import { IconButton } from "./Button";
import { classes } from "./classes";
import { Kbd } from "./Kbd";

interface CalendarProps {
  label: string;
  value: CivilDate | null;
  today: CivilDate;
  onChoose: (date: CivilDate | null) => void;
}

/** A month to choose a day from: arrows by day and week, Page keys by month, letters for the usual days. */
export function Calendar({ label, value, today, onChoose }: CalendarProps) {
  const m = useMessages();
  const [cursor, setCursor] = useState(value ?? today);
  const active = useRef<HTMLButtonElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the focus follows the cursor
  useEffect(() => {
    active.current?.focus();
  }, [cursor]);

  const usual = [
    { key: "T", label: m.date_today(), date: today },
    { key: "M", label: m.date_tomorrow(), date: addDays(today, 1) },
    { key: "W", label: m.date_next_week(), date: addDays(today, 7 - weekday(today)) },
    { key: "0", label: m.date_none(), date: null },
  ];
  const onKeyDown = (event: KeyboardEvent) => {
    const moved = moveByKey(event.key, cursor);
    const named = usual.find((entry) => entry.key === event.key.toUpperCase());
    if (moved) setCursor(moved);
    else if (event.key === "Backspace" || event.key === "Delete") onChoose(null);
    else if (named && !event.ctrlKey && !event.metaKey) onChoose(named.date);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const days = gridOf(cursor);
  return (
    <div role="group" aria-label={label} onKeyDown={onKeyDown} className="flex w-64 flex-col gap-2 p-2">
      <div className="flex items-center">
        <span className="flex-1 px-2 font-medium" aria-live="polite">
          {formatMonth(cursor)}
        </span>
        <IconButton label={m.date_previous_month()} onClick={() => setCursor(addMonths(cursor, -1))}>
          <ChevronLeft size={16} strokeWidth={1.5} />
        </IconButton>
        <IconButton label={m.date_next_month()} onClick={() => setCursor(addMonths(cursor, 1))}>
          <ChevronRight size={16} strokeWidth={1.5} />
        </IconButton>
      </div>
      <div className="grid grid-cols-7 gap-px text-center">
        {weekdayNames().map((name) => (
          <span key={name} className="text-text-3 text-xs" aria-hidden="true">
            {name}
          </span>
        ))}
        {days.map((day) => (
          <button
            key={day}
            type="button"
            ref={day === cursor ? active : undefined}
            tabIndex={day === cursor ? 0 : -1}
            aria-label={formatDateLong(day)}
            aria-pressed={day === value}
            aria-current={day === today ? "date" : undefined}
            onClick={() => onChoose(day)}
            className={classes(
              "tabular h-7 rounded",
              day === value ? "bg-accent-fill text-on-accent" : "hover:bg-hover",
              day !== value && day.slice(0, 7) !== cursor.slice(0, 7) && "text-text-3",
              day === today && day !== value && "font-semibold text-accent-text",
            )}
          >
            {Number(day.slice(8))}
          </button>
        ))}
      </div>
      <div className="flex flex-col border-line border-t pt-1">
        {usual.map((entry) => (
          <button
            key={entry.key}
            type="button"
            onClick={() => onChoose(entry.date)}
            className="flex h-7 items-center rounded px-2 text-left hover:bg-hover"
          >
            <span className="flex-1">{entry.label}</span>
            <Kbd>{entry.key}</Kbd>
          </button>
        ))}
      </div>
    </div>
  );
}

function moveByKey(key: string, cursor: CivilDate): CivilDate | null {
  switch (key) {
    case "ArrowLeft":
      return addDays(cursor, -1);
    case "ArrowRight":
      return addDays(cursor, 1);
    case "ArrowUp":
      return addDays(cursor, -7);
    case "ArrowDown":
      return addDays(cursor, 7);
    case "PageUp":
      return addMonths(cursor, -1);
    case "PageDown":
      return addMonths(cursor, 1);
    case "Home":
      return addDays(cursor, -weekday(cursor));
    case "End":
      return addDays(cursor, 6 - weekday(cursor));
    default:
      return null;
  }
}

/** Six weeks around the month, Monday first, so that the popover never changes its height. */
export function gridOf(cursor: CivilDate): CivilDate[] {
  const first = `${cursor.slice(0, 8)}01`;
  const start = addDays(first, -weekday(first));
  return Array.from({ length: 42 }, (_, day) => addDays(start, day));
}
