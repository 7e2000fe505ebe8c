import type { ButtonHTMLAttributes } from "react";
import { classes } from "./classes";

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** At most one filled button stands on a screen. */
  look?: "filled" | "plain" | "quiet" | "danger";
  /** Something is under way: the button keeps its size, says so, and cannot be pressed again. */
  busy?: boolean;
}

const looks = {
  filled:
    "bg-accent-fill text-on-accent enabled:hover:bg-accent-fill-hover disabled:bg-accent-fill-disabled disabled:text-on-accent-disabled",
  plain: "border border-line bg-raised text-text enabled:hover:bg-hover disabled:text-text-3",
  quiet: "text-text-2 enabled:hover:bg-hover enabled:hover:text-text disabled:text-text-3",
  danger: "border border-line bg-raised text-bad enabled:hover:bg-bad-ground disabled:text-text-3",
};

export function Button({ look = "plain", busy = false, className, disabled, type, ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={type ?? "button"}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={classes(
        "inline-flex h-8 shrink-0 items-center justify-center gap-2 rounded-md px-3 font-medium whitespace-nowrap transition-colors duration-120 active:translate-y-px disabled:active:translate-y-0",
        looks[look],
        className,
      )}
    />
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** Read aloud, and shown as a hint together with the key. */
  label: string;
  hotkey?: string;
}

export function IconButton({ label, hotkey, className, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      aria-label={label}
      aria-keyshortcuts={hotkey}
      // The system draws this hint above everything, also above the menu that the button has just opened.
      title={rest["aria-expanded"] ? undefined : hotkey ? `${label} (${hotkey})` : label}
      className={classes(
        "inline-flex size-7 shrink-0 items-center justify-center rounded-md text-text-2 transition-colors duration-120 enabled:hover:bg-hover enabled:hover:text-text disabled:text-text-3",
        className,
      )}
    />
  );
}
