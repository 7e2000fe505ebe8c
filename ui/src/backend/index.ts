import type { Backend } from "./backend";
import { bridgeFromPage } from "./bridge";
import { TauriBackend } from "./tauri";

export type { Backend, Link } from "./backend";
export { asAppError } from "./backend";

/** The backend of this page: Tauri's inside a Cockpit window, the bridge's in a browser. */
export function pickBackend(): Backend {
  return "__TAURI_INTERNALS__" in window ? new TauriBackend() : bridgeFromPage();
}
