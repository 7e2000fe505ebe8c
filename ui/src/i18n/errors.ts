import type { AppError } from "../backend/bindings/AppError";
import type { ErrorCode } from "../backend/bindings/ErrorCode";
import { currentLocale, m } from "./index";

/**
 * An error in the person's language. The engine writes its messages in English and with the facts of the case; in another language
 * the catalogue says the same by code.
 */
export function errorText(error: AppError): string {
  const reason = reasonOf(error);
  if (reason === "bridge_lost") return m.error_bridge_lost();
  if (reason === "bridge_taken") return m.error_bridge_taken();
  if (currentLocale() === "en" && error.message.trim() !== "") return error.message;
  return byCode[error.code]?.() ?? error.message;
}

/** Which of the window's own errors it is; the engine's carry no reason. */
function reasonOf(error: AppError): unknown {
  const details = error.details;
  return typeof details === "object" && details !== null && "reason" in details ? details.reason : null;
}

const byCode: Record<ErrorCode, () => string> = {
  invalid_address: () => m.error_invalid_address(),
  server_unreachable: () => m.error_server_unreachable(),
  untrusted_certificate: () => m.error_untrusted_certificate(),
  certificate_changed: () => m.error_certificate_changed(),
  not_a_cockpit_server: () => m.error_not_a_cockpit_server(),
  schema_missing: () => m.error_schema_missing(),
  schema_too_old: () => m.error_schema_too_old(),
  schema_too_new: () => m.error_schema_too_new(),
  key_needed: () => m.error_key_needed(),
  wrong_password: () => m.error_wrong_password(),
  rate_limited: () => m.error_rate_limited(),
  sign_in_needed: () => m.error_sign_in_needed(),
  no_workspace: () => m.error_no_workspace(),
  forbidden: () => m.error_forbidden(),
  not_found: () => m.error_not_found(),
  invalid: () => m.error_invalid(),
  conflict: () => m.error_conflict(),
  nothing_to_undo: () => m.error_nothing_to_undo(),
  unsent_work: () => m.error_unsent_work(),
  disk_full: () => m.error_disk_full(),
  read_only: () => m.error_read_only(),
  data_too_new: () => m.error_data_too_new(),
  data_damaged: () => m.error_data_damaged(),
  profile_in_use: () => m.error_profile_in_use(),
  command_not_allowed: () => m.error_command_not_allowed(),
  server_failed: () => m.error_server_failed(),
  internal: () => m.error_internal(),
};
