import type { Priority } from "../backend/bindings/Priority";
import type { TaskStatus } from "../backend/bindings/TaskStatus";

/** Where a task stands, as a shape first and a colour second. */
export function StatusMark({ status }: { status: TaskStatus }) {
  return (
    <svg viewBox="0 0 16 16" className="size-4 shrink-0" aria-hidden="true">
      {status === "open" && (
        <circle cx="8" cy="8" r="6.25" className="fill-none stroke-line-strong" strokeWidth="1.5" />
      )}
      {status === "in_progress" && (
        <g className="stroke-warn">
          <circle cx="8" cy="8" r="6.25" fill="none" strokeWidth="1.5" />
          <path d="M8 4.5a3.5 3.5 0 0 1 0 7z" className="fill-warn" stroke="none" />
        </g>
      )}
      {status === "review" && (
        <g className="stroke-info">
          <circle cx="8" cy="8" r="6.25" fill="none" strokeWidth="1.5" />
          <circle cx="8" cy="8" r="2.5" className="fill-info" stroke="none" />
        </g>
      )}
      {status === "done" && (
        <g>
          <circle cx="8" cy="8" r="7" className="fill-accent-fill" />
          <path
            d="m5 8.2 2.1 2.1L11 6.2"
            className="fill-none stroke-on-accent"
            strokeWidth="1.6"
            strokeLinecap="round"
            strokeLinejoin="round"
          />
        </g>
      )}
      {status === "cancelled" && (
        <g className="stroke-idle" strokeWidth="1.5" strokeLinecap="round">
          <circle cx="8" cy="8" r="6.25" fill="none" />
          <path d="m6 6 4 4m0-4-4 4" />
        </g>
      )}
    </svg>
  );
}

/** How pressing a task is: bars that fill, and a filled sign for what cannot wait. */
export function PriorityMark({ priority }: { priority: Priority }) {
  if (priority === "urgent") {
    return (
      <svg viewBox="0 0 16 16" className="size-4 shrink-0" aria-hidden="true">
        <rect x="2" y="2" width="12" height="12" rx="3" className="fill-bad" />
        <path d="M8 4.8v3.9" className="stroke-ground" strokeWidth="1.8" strokeLinecap="round" />
        <circle cx="8" cy="11.2" r="1" className="fill-ground" />
      </svg>
    );
  }
  const filled = { low: 1, normal: 2, high: 3 }[priority];
  return (
    <svg viewBox="0 0 16 16" className="size-4 shrink-0" aria-hidden="true">
      {[1, 2, 3].map((bar) => (
        <rect
          key={bar}
          x={bar * 4 - 2}
          y={13 - bar * 3}
          width="2.5"
          height={bar * 3}
          rx="1"
          className={bar <= filled ? (priority === "high" ? "fill-warn" : "fill-text-2") : "fill-line"}
        />
      ))}
    </svg>
  );
}
