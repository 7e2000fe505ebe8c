import { X } from "lucide-react";
import { useEffect, useRef } from "react";
import { useMessages } from "../i18n";
import { errorText } from "../i18n/errors";
import { dismissToast, type Toast, useToasts } from "../stores/toasts";
import { dismissNotice, useWindow } from "../stores/window";
import { IconButton } from "./Button";
import { classes } from "./classes";
import { Kbd } from "./Kbd";

const READ_MS = 6000;

/** What the window has to say: passing words at the bottom, and notices that stay until they are read. */
export function Toaster() {
  const m = useMessages();
  const toasts = useToasts((state) => state.toasts);
  const notices = useWindow((state) => state.notices);
  return (
    <section
      aria-label={m.toasts_label()}
      aria-live="polite"
      className="pointer-events-none fixed right-4 bottom-4 z-50 flex w-[360px] max-w-[calc(100vw-32px)] flex-col gap-2"
    >
      {notices.map((notice) => (
        <ToastCard
          key={`notice-${notice.key}`}
          tone="bad"
          text={errorText(notice.error)}
          onClose={() => dismissNotice(notice.key)}
        />
      ))}
      {toasts.map((toast, index) => (
        // The key takes back the newest change, so only the newest toast may name it.
        <PassingToast key={toast.key} toast={toast} newest={index === toasts.length - 1} />
      ))}
    </section>
  );
}

/** Goes by itself, but never while the pointer rests on it. */
function PassingToast({ toast, newest }: { toast: Toast; newest: boolean }) {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const start = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => dismissToast(toast.key), toast.tone === "bad" ? READ_MS * 2 : READ_MS);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: the timer begins once, when the toast appears
  useEffect(() => {
    start();
    return () => clearTimeout(timer.current);
  }, []);
  const text = toast.error ? errorText(toast.error) : (toast.text ?? "");
  return (
    <div onPointerEnter={() => clearTimeout(timer.current)} onPointerLeave={start}>
      <ToastCard
        tone={toast.tone}
        text={text}
        {...(toast.action ? { action: newest ? toast.action : { ...toast.action, key: undefined } } : {})}
        onClose={() => dismissToast(toast.key)}
      />
    </div>
  );
}

interface ToastCardProps {
  tone: Toast["tone"];
  text: string;
  action?: NonNullable<Toast["action"]>;
  onClose: () => void;
}

export function ToastCard({ tone, text, action, onClose }: ToastCardProps) {
  const m = useMessages();
  return (
    <div
      role={tone === "bad" ? "alert" : "status"}
      className={classes(
        "popover pointer-events-auto flex items-start gap-2 rounded-md border bg-raised py-1.5 pr-1.5 pl-3 shadow-popover",
        tone === "bad" ? "border-bad" : "border-line",
      )}
    >
      <p className="line-clamp-4 min-w-0 flex-1 py-1 text-text" data-selectable>
        {text}
      </p>
      {action && (
        <button
          type="button"
          className="flex h-7 items-center gap-1.5 rounded-md px-2 font-medium text-accent-text hover:bg-hover"
          onClick={() => {
            action.run();
            onClose();
          }}
        >
          {action.label}
          {action.key && <Kbd>{action.key}</Kbd>}
        </button>
      )}
      <IconButton label={m.action_dismiss()} onClick={onClose}>
        <X size={14} strokeWidth={1.5} />
      </IconButton>
    </div>
  );
}
