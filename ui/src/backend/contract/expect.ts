/** Fails with what was found, because a driver sees nothing but words. */
export function equal(what: string, found: unknown, wanted: unknown): void {
  const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (is !== should) throw new Error(`${what}: ${is} instead of ${should}`);
}

export function holds(what: string, found: boolean, detail: unknown = null): void {
  if (!found) throw new Error(`${what} does not hold: ${JSON.stringify(detail)}`);
}

/** A failure has this shape and no other, whichever way it came. */
export function isAppError(found: unknown, code: string): void {
  const error = (found ?? {}) as Record<string, unknown>;
  equal("the members of the error", Object.keys(error).sort(), ["code", "details", "message", "retryable"]);
  equal("the error's code", error.code, code);
  holds("the error has words", typeof error.message === "string" && error.message.length > 10, error);
  equal("the type of retryable", typeof error.retryable, "boolean");
}
