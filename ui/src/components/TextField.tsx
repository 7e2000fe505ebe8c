import { type InputHTMLAttributes, type ReactNode, type Ref, useId } from "react";
import { classes } from "./classes";

interface TextFieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  /** What is meant, below the field. An error takes its place. */
  hint?: ReactNode;
  error?: string | null;
  ref?: Ref<HTMLInputElement>;
}

export function TextField({ label, hint, error, className, id, ...rest }: TextFieldProps) {
  const made = useId();
  const inputId = id ?? made;
  const noteId = `${inputId}-note`;
  const note = error ?? hint;
  return (
    <div className={classes("flex flex-col gap-1", className)}>
      <label htmlFor={inputId} className="font-medium text-text-2 text-sm">
        {label}
      </label>
      <input
        {...rest}
        id={inputId}
        aria-invalid={error ? true : undefined}
        aria-describedby={note ? noteId : undefined}
        className={classes(
          "h-8 rounded-md border bg-raised px-2 text-text read-only:bg-surface read-only:text-text-2 disabled:text-text-3",
          error ? "border-bad" : "border-line-strong",
        )}
      />
      {note && (
        <p id={noteId} className={classes("text-sm", error ? "text-bad" : "text-text-3")} data-selectable>
          {note}
        </p>
      )}
    </div>
  );
}
