import { ShieldAlert, ShieldQuestion } from "lucide-react";
import { useId } from "react";
import type { AppError } from "../backend/bindings/AppError";
import { Button } from "../components/Button";
import { TextField } from "../components/TextField";
import { useMessages } from "../i18n";

/** A fact of an error about a certificate; empty where the engine did not tell it. */
export function certificateFact(error: AppError, fact: "address" | "expected" | "fingerprint"): string {
  const details = error.details;
  if (typeof details !== "object" || details === null || !(fact in details)) return "";
  const value = (details as Record<string, unknown>)[fact];
  return typeof value === "string" ? value : "";
}

/** Whether a text can be the SHA-256 fingerprint of a certificate: 32 pairs of digits, with colons between them or without. */
export function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{2}(:?)(?:[0-9a-f]{2}\1){30}[0-9a-f]{2}$/i.test(text.trim());
}

interface CertificateQuestionProps {
  error: AppError;
  busy: boolean;
  onTrust: (fingerprint: string) => void;
}

/** A server whose certificate nobody has signed: its fingerprint, where to compare it, and the way on. */
export function CertificateQuestion({ error, busy, onTrust }: CertificateQuestionProps) {
  const m = useMessages();
  const title = useId();
  const fingerprint = certificateFact(error, "fingerprint");
  return (
    <section aria-labelledby={title} className="flex flex-col gap-3 rounded-md border border-line bg-surface p-3">
      <div role="status" className="flex flex-col gap-2">
        <h2 id={title} className="flex items-center gap-2 font-semibold">
          <ShieldQuestion size={16} strokeWidth={1.5} className="shrink-0 text-info" aria-hidden="true" />
          {m.certificate_new_title()}
        </h2>
        <p className="text-text-2" data-selectable>
          {m.certificate_new_text()}
        </p>
      </div>
      <Fingerprint label={m.certificate_fingerprint()} value={fingerprint} />
      <Button busy={busy} disabled={fingerprint === ""} onClick={() => onTrust(fingerprint)}>
        {m.certificate_trust()}
      </Button>
    </section>
  );
}

interface CertificateChangedProps {
  error: AppError;
  value: string;
  invalid: boolean;
  onChange: (value: string) => void;
}

/**
 * Another certificate than the one that was trusted. The new one is not shown and cannot be accepted by a click: whoever was told its
 * fingerprint types it, and the engine compares.
 */
export function CertificateChanged({ error, value, invalid, onChange }: CertificateChangedProps) {
  const m = useMessages();
  const title = useId();
  return (
    <section aria-labelledby={title} className="flex flex-col gap-3 rounded-md bg-bad-ground p-3">
      <div role="alert" className="flex flex-col gap-2">
        <h2 id={title} className="flex items-center gap-2 font-semibold">
          <ShieldAlert size={16} strokeWidth={1.5} className="shrink-0 text-bad" aria-hidden="true" />
          {m.certificate_changed_title()}
        </h2>
        <p data-selectable>{m.certificate_changed_text()}</p>
        <p data-selectable>{m.certificate_changed_do()}</p>
      </div>
      <Fingerprint label={m.certificate_changed_old()} value={certificateFact(error, "expected")} />
      <TextField
        label={m.certificate_changed_new()}
        hint={m.certificate_changed_hint()}
        error={invalid ? m.certificate_invalid() : null}
        value={value}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => onChange(event.target.value)}
      />
    </section>
  );
}

/** In rows of eight pairs, as one reads it aloud; copied it is one line. */
function Fingerprint({ label, value }: { label: string; value: string }) {
  const id = useId();
  const pairs = value.split(":");
  const rows = [0, 8, 16, 24].map((from) => pairs.slice(from, from + 8).join(":")).filter((row) => row !== "");
  return (
    <div className="flex flex-col gap-1">
      <span id={id} className="font-medium text-sm text-text-2">
        {label}
      </span>
      <div
        role="group"
        aria-labelledby={id}
        className="rounded-md bg-raised px-2 py-1 font-mono text-sm"
        data-selectable
      >
        <div className="w-48">
          {rows.map((row, index) => (
            <span key={row} className="inline-block">
              {row}
              {index < rows.length - 1 && ":"}
            </span>
          ))}
        </div>
      </div>
    </div>
  );
}
