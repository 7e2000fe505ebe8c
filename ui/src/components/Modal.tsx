import { type ReactNode, useEffect, useId, useRef } from "react";
import { classes } from "./classes";

interface ModalProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  className?: string;
}

/** A dialog over everything. The element is the platform's own, which keeps the focus inside and gives it back. */
export function Modal({ title, onClose, children, className }: ModalProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onKeyDown={(event) => event.stopPropagation()}
      onPointerDown={(event) => {
        if (event.target === ref.current) onClose();
      }}
      className={classes(
        "m-auto max-h-[85vh] outline-none w-[440px] max-w-[calc(100vw-32px)] overflow-auto rounded-lg border border-line bg-raised p-0 text-text shadow-dialog",
        className,
      )}
    >
      <div className="flex flex-col gap-4 p-6">
        <h2 id={titleId} className="font-semibold text-lg">
          {title}
        </h2>
        {children}
      </div>
    </dialog>
  );
}
