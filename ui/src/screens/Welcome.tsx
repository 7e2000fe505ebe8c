import { ChevronRight } from "lucide-react";
import { type FormEvent, type ReactNode, useState } from "react";
import { asAppError } from "../backend";
import type { AppError } from "../backend/bindings/AppError";
import type { SessionState } from "../backend/bindings/SessionState";
import type { WorkspaceBrief } from "../backend/bindings/WorkspaceBrief";
import { Button } from "../components/Button";
import { TextField } from "../components/TextField";
import { useMessages } from "../i18n";
import { errorText } from "../i18n/errors";
import { roleLabel } from "../i18n/labels";
import { send } from "../stores/connection";
import { showError } from "../stores/toasts";
import { LanguageMenu, ThemeMenu } from "./PreferenceMenus";
import { SignInForm } from "./SignInForm";

/** The frame of all screens before a workspace is open. */
export function Card({ title, text, children }: { title: string; text?: string | undefined; children: ReactNode }) {
  return (
    <main className="flex h-full flex-1 flex-col items-center justify-center overflow-auto bg-ground p-6">
      <div className="w-[380px] max-w-full">
        <Logo />
        <h1 className="mt-6 font-semibold text-xl tracking-tight">{title}</h1>
        {text && (
          <p className="mt-1 mb-6 text-text-2" data-selectable>
            {text}
          </p>
        )}
        {children}
      </div>
      <div className="fixed right-4 bottom-4 flex gap-px">
        <ThemeMenu />
        <LanguageMenu />
      </div>
    </main>
  );
}

/** The product's mark, as in `icons/icon-small.svg`. Its colours are its own and the same in both themes. */
export function Logo() {
  return (
    <svg viewBox="0 0 512 512" className="size-8" aria-hidden="true">
      <clipPath id="mark-dial">
        <circle cx="256" cy="256" r="192" />
      </clipPath>
      <rect width="512" height="512" rx="128" fill="#1b1f2d" />
      <g clipPath="url(#mark-dial)">
        <g transform="rotate(-14 256 256)">
          <rect x="32" y="32" width="448" height="240" fill="#5f82ec" />
          <rect x="32" y="272" width="448" height="208" fill="#46526f" />
        </g>
      </g>
      <path
        d="M152 262 232 342 364 182"
        fill="none"
        stroke="#fff"
        strokeWidth="64"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

export function SignIn({ session }: { session: Extract<SessionState, { state: "signed_out" }> }) {
  const m = useMessages();
  return (
    <Card title={m.signin_title()} text={m.signin_text()}>
      {session.reason && (
        <p role="status" className="mb-4 rounded-md bg-warn-ground px-3 py-2 text-text" data-selectable>
          {errorText(session.reason)}
        </p>
      )}
      <SignInForm address={session.address ?? ""} email={session.email ?? ""} />
    </Card>
  );
}

export function ChooseWorkspace({ session }: { session: Extract<SessionState, { state: "choosing" }> }) {
  const m = useMessages();
  const [creating, setCreating] = useState(session.workspaces.length === 0);
  return (
    <Card
      title={creating ? m.workspace_create_title() : m.workspace_choose_title()}
      text={creating ? m.workspace_create_text() : m.workspace_choose_text({ email: session.email })}
    >
      {creating ? (
        <CreateWorkspace {...(session.workspaces.length > 0 ? { onCancel: () => setCreating(false) } : {})} />
      ) : (
        <div className="flex flex-col gap-4">
          <ul className="overflow-hidden rounded-lg border border-line bg-raised">
            {session.workspaces.map((workspace) => (
              <li key={workspace.tenant} className="border-line border-b last:border-b-0">
                <WorkspaceButton workspace={workspace} />
              </li>
            ))}
          </ul>
          <Button onClick={() => setCreating(true)}>{m.workspace_create_title()}</Button>
        </div>
      )}
      <Button
        look="quiet"
        className="mt-4 w-full"
        onClick={() => void send({ type: "sign_out", discard_unsent: false }).catch(showError)}
      >
        {m.session_sign_out()}
      </Button>
    </Card>
  );
}

function WorkspaceButton({ workspace }: { workspace: WorkspaceBrief }) {
  return (
    <button
      type="button"
      className="flex h-11 w-full items-center gap-3 px-3 text-left -outline-offset-2 hover:bg-hover"
      onClick={() => void send({ type: "open_workspace", tenant: workspace.tenant }).catch(showError)}
    >
      <span className="min-w-0 flex-1 truncate font-medium">{workspace.name}</span>
      <span className="text-sm text-text-3">{roleLabel(workspace.role)}</span>
      <ChevronRight size={16} strokeWidth={1.5} className="text-text-3" aria-hidden="true" />
    </button>
  );
}

/** A name for the workspace and one for oneself; that is all it takes. */
export function CreateWorkspace({ onCancel, onDone }: { onCancel?: () => void; onDone?: () => void }) {
  const m = useMessages();
  const [name, setName] = useState("");
  const [memberName, setMemberName] = useState("");
  const [missing, setMissing] = useState<"name" | "member" | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<AppError | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const lack = name.trim() === "" ? "name" : memberName.trim() === "" ? "member" : null;
    setMissing(lack);
    if (lack || busy) return;
    setBusy(true);
    setError(null);
    try {
      await send({ type: "create_workspace", name: name.trim(), member_name: memberName.trim() });
      onDone?.();
    } catch (thrown) {
      setError(asAppError(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className="flex flex-col gap-4" onSubmit={(event) => void submit(event)} noValidate>
      <TextField
        label={m.workspace_name()}
        hint={m.workspace_name_hint()}
        error={missing === "name" ? m.workspace_name_missing() : null}
        value={name}
        autoFocus
        maxLength={120}
        onChange={(event) => setName(event.target.value)}
      />
      <TextField
        label={m.workspace_member_name()}
        hint={m.workspace_member_name_hint()}
        error={missing === "member" ? m.workspace_member_name_missing() : null}
        value={memberName}
        autoComplete="name"
        maxLength={120}
        onChange={(event) => setMemberName(event.target.value)}
      />
      {error && (
        <p role="alert" className="rounded-md bg-bad-ground px-3 py-2 text-text" data-selectable>
          {errorText(error)}
        </p>
      )}
      <div className="flex gap-2">
        <Button look="filled" type="submit" busy={busy} className="flex-1">
          {m.workspace_create_button()}
        </Button>
        {onCancel && <Button onClick={onCancel}>{m.action_cancel()}</Button>}
      </div>
    </form>
  );
}

/** The local data cannot be opened. Says what is wrong, what it means, what to do; nothing else works until then. */
export function Broken({ error, title }: { error: AppError; title?: string }) {
  const m = useMessages();
  const details = error.details === null || error.details === undefined ? null : JSON.stringify(error.details, null, 2);
  return (
    <Card title={title ?? m.broken_title()} text={errorText(error)}>
      {details && (
        <details className="text-text-2">
          <summary className="cursor-default">{m.broken_details()}</summary>
          <pre
            className="mt-2 max-h-48 overflow-auto rounded-md bg-surface p-3 font-mono text-sm whitespace-pre-wrap"
            data-selectable
          >
            {error.code}
            {"\n"}
            {details}
          </pre>
        </details>
      )}
    </Card>
  );
}
