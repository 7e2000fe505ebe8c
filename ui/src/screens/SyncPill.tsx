import { CircleAlert, CircleCheck, CloudOff, KeyRound, RefreshCw } from "lucide-react";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import type { OutboxChange } from "../backend/bindings/OutboxChange";
import type { SessionState } from "../backend/bindings/SessionState";
import type { SyncStatus } from "../backend/bindings/SyncStatus";
import { Button } from "../components/Button";
import { classes } from "../components/classes";
import { Floating } from "../components/Floating";
import { Modal } from "../components/Modal";
import { formatAgo, formatCount } from "../format/format";
import { useNow } from "../format/today";
import { m, useMessages } from "../i18n";
import { errorText } from "../i18n/errors";
import { send } from "../stores/connection";
import { showError } from "../stores/toasts";
import { useSync } from "../stores/window";
import { SignInForm } from "./SignInForm";

type Open = Extract<SessionState, { state: "open" }>;
type Tone = "good" | "info" | "warn" | "bad" | "idle";

/** The truth about sync in a few words; more on a press. Never in the way of work. */
export function SyncPill({ session, small }: { session: Open; small: boolean }) {
  const m = useMessages();
  const status = useSync();
  const [open, setOpen] = useState(false);
  const [signingIn, setSigningIn] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  if (!status) return null;
  const { tone, text, icon } = syncWords(status, session.sign_in_needed);
  return (
    <>
      <button
        ref={button}
        type="button"
        data-sync={status.phase.phase}
        data-pending={status.pending}
        data-parked={status.parked}
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-label={`${m.sync_title()}: ${text}`}
        title={small ? text : undefined}
        onClick={() => setOpen(!open)}
        className={classes(
          "flex h-8 w-full items-center gap-2 rounded-md px-2 text-left hover:bg-hover",
          small && "justify-center",
        )}
      >
        <span className={classes("shrink-0", toneClass[tone])}>{icon}</span>
        {!small && <span className="tabular min-w-0 flex-1 truncate text-text-2">{text}</span>}
      </button>
      {open && button.current && (
        <Floating
          anchor={button.current}
          label={m.sync_title()}
          onClose={() => {
            setOpen(false);
            button.current?.focus();
          }}
        >
          <SyncDetails
            status={status}
            session={session}
            onSignIn={() => {
              setOpen(false);
              setSigningIn(true);
            }}
          />
        </Floating>
      )}
      {signingIn && (
        <Modal title={m.signin_again_title()} onClose={() => setSigningIn(false)}>
          <p className="text-text-2">
            {isAboutCertificate(status) ? m.signin_again_certificate() : m.signin_again_text()}
          </p>
          <SignInForm address={session.address} email={session.email} again onDone={() => setSigningIn(false)} />
        </Modal>
      )}
    </>
  );
}

const toneClass: Record<Tone, string> = {
  good: "text-good",
  info: "text-info",
  warn: "text-warn",
  bad: "text-bad",
  idle: "text-idle",
};

const icon = { size: 16, strokeWidth: 1.5, "aria-hidden": true } as const;

/** What the pill says: first what needs a person, then what keeps sync from working, then what is under way. */
export function syncWords(status: SyncStatus, signInNeeded: boolean): { tone: Tone; text: string; icon: ReactNode } {
  const { phase, pending, parked } = status;
  const waiting = pending > 0 ? m.sync_waiting({ count: pending, shown: formatCount(pending) }) : null;
  const withWaiting = (text: string) => (waiting ? `${text} · ${waiting}` : text);
  if (phase.phase === "removed") return { tone: "bad", text: m.sync_removed(), icon: <CircleAlert {...icon} /> };
  if (phase.phase === "update_required") {
    return { tone: "bad", text: withWaiting(m.sync_update_required()), icon: <CircleAlert {...icon} /> };
  }
  if (parked > 0) {
    return {
      tone: "bad",
      text: m.sync_parked({ count: parked, shown: formatCount(parked) }),
      icon: <CircleAlert {...icon} />,
    };
  }
  if (isAboutCertificate(status)) {
    const text =
      status.problem?.code === "certificate_changed" ? m.certificate_changed_title() : m.certificate_unknown();
    return { tone: "bad", text: withWaiting(text), icon: <CircleAlert {...icon} /> };
  }
  if (phase.phase === "sign_in_needed" || signInNeeded) {
    return { tone: "warn", text: withWaiting(m.sync_sign_in_needed()), icon: <KeyRound {...icon} /> };
  }
  if (phase.phase === "offline")
    return { tone: "idle", text: withWaiting(m.sync_offline()), icon: <CloudOff {...icon} /> };
  if (phase.phase === "bootstrap") {
    return { tone: "info", text: m.sync_bootstrap({ shown: formatCount(phase.rows) }), icon: <RefreshCw {...icon} /> };
  }
  if (phase.phase === "catching_up") return { tone: "info", text: m.sync_catching_up(), icon: <RefreshCw {...icon} /> };
  if (waiting)
    return {
      tone: "info",
      text: m.sync_sending({ count: pending, shown: formatCount(pending) }),
      icon: <RefreshCw {...icon} />,
    };
  if (phase.phase === "polling") return { tone: "good", text: m.sync_polling(), icon: <CircleCheck {...icon} /> };
  return { tone: "good", text: m.sync_live(), icon: <CircleCheck {...icon} /> };
}

/** Whether sync waits for somebody to decide about the server's certificate. */
function isAboutCertificate(status: SyncStatus): boolean {
  return status.problem?.code === "certificate_changed" || status.problem?.code === "untrusted_certificate";
}

interface SyncDetailsProps {
  status: SyncStatus;
  session: Open;
  onSignIn: () => void;
}

export function SyncDetails({ status, session, onSignIn }: SyncDetailsProps) {
  const m = useMessages();
  const now = useNow(1000);
  const changes = useChanges(status);
  // The form is where a certificate can be compared and trusted.
  const needsSignIn = status.phase.phase === "sign_in_needed" || session.sign_in_needed || isAboutCertificate(status);
  return (
    <div className="flex max-h-[70vh] w-80 flex-col gap-3 overflow-auto p-4">
      <h2 className="font-semibold">{syncWords(status, session.sign_in_needed).text}</h2>
      {status.problem && (
        <p className="text-text-2" data-selectable>
          {errorText(status.problem)}
        </p>
      )}
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 text-text-2">
        <dt>{m.sync_last()}</dt>
        <dd className="tabular text-right text-text">
          {status.last_synced_ms === null ? m.sync_never() : formatAgo(status.last_synced_ms, now)}
        </dd>
        <dt>{m.sync_pending()}</dt>
        <dd className="tabular text-right text-text">{formatCount(status.pending)}</dd>
        <dt>{m.sync_server()}</dt>
        <dd className="truncate text-right text-text" title={session.address} data-selectable>
          {session.address.replace(/\/$/, "")}
        </dd>
      </dl>
      {changes.length > 0 && (
        <ul className="flex flex-col gap-2">
          {changes.map((change) => (
            <li key={change.mutation}>
              <ParkedChange change={change} />
            </li>
          ))}
        </ul>
      )}
      <div className="flex gap-2">
        {needsSignIn && (
          <Button look="filled" onClick={onSignIn}>
            {m.sync_sign_in()}
          </Button>
        )}
        <Button onClick={() => void send({ type: "sync_now" }).catch(showError)}>{m.sync_now()}</Button>
      </div>
    </div>
  );
}

/** A change that the server refused: why, and the two ways on. */
export function ParkedChange({ change }: { change: OutboxChange }) {
  const m = useMessages();
  const act = (type: "parked_retry" | "parked_discard") =>
    void send({ type, mutation: change.mutation }).catch(showError);
  return (
    <div className="flex flex-col gap-2 rounded-md border border-line p-3" data-parked-change={change.mutation}>
      <p className="truncate font-medium" title={change.name}>
        {change.name}
      </p>
      {change.refused && (
        <p className="text-bad text-sm" data-selectable>
          {errorText(change.refused)}
        </p>
      )}
      <div className="flex gap-2">
        <Button className="h-7" onClick={() => act("parked_retry")}>
          {m.sync_retry()}
        </Button>
        <Button className="h-7" look="danger" onClick={() => act("parked_discard")}>
          {m.sync_discard()}
        </Button>
      </div>
    </div>
  );
}

/** The parked changes, asked for anew whenever their number moves. */
function useChanges(status: SyncStatus): OutboxChange[] {
  const [changes, setChanges] = useState<OutboxChange[]>([]);
  const load = useCallback(async () => {
    try {
      const reply = await send({ type: "changes" });
      if (reply.type === "changes") setChanges(reply.changes.filter((change) => change.refused !== null));
    } catch (thrown) {
      showError(thrown);
    }
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the numbers say that the list has changed
  useEffect(() => void load(), [load, status.parked, status.pending]);
  return changes;
}
