import type { AppError } from "./bindings/AppError";
import type { Command } from "./bindings/Command";
import type { ErrorCode } from "./bindings/ErrorCode";
import type { Frame } from "./bindings/Frame";
import type { Reply } from "./bindings/Reply";

/**
 * The one door between the window and the engine. There are two implementations, Tauri's and the browser's, and the same contract
 * suite runs against both. Nothing outside this folder knows which of them it talks to.
 */
export interface Backend {
  readonly kind: "tauri" | "bridge";
  /**
   * Begins the stream of frames; the first one is a snapshot. Attaching again replaces the stream: frames of the earlier one are
   * never delivered after this was called.
   */
  attach(onFrame: (frame: Frame) => void): Promise<void>;
  /** Sends a command. Rejects with an {@link AppError} and with nothing else. */
  command(command: Command): Promise<Reply>;
  /** Tells the engine that the window shows everything up to this revision. */
  ack(epoch: number, rev: number): void;
  /** Is called when the way to the engine is lost or found again. Frames begin anew after `open`, so the caller attaches. */
  onLink(listener: (link: Link) => void): void;
}

/** Whether the engine can be reached. Tauri's engine lives in the same process and is always `open`. */
export type Link = { state: "open" } | { state: "lost" } | { state: "refused"; error: AppError };

/** An error that arose in the window itself. */
export function windowError(code: ErrorCode, message: string, retryable = false, details: unknown = null): AppError {
  return { code, message, retryable, details };
}

/** Turns whatever was thrown into the one shape that screens understand. */
export function asAppError(thrown: unknown): AppError {
  if (isAppError(thrown)) return thrown;
  const words = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return windowError(
    "internal",
    "Cockpit met a defect of its own. Your work is saved. Do it again, or restart Cockpit.",
    false,
    {
      words,
    },
  );
}

function isAppError(value: unknown): value is AppError {
  return typeof value === "object" && value !== null && "code" in value && "message" in value && "retryable" in value;
}
