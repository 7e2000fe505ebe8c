import { type FormEvent, useRef, useState } from "react";
import { asAppError } from "../backend";
import type { AppError } from "../backend/bindings/AppError";
import { Button } from "../components/Button";
import { TextField } from "../components/TextField";
import { useMessages } from "../i18n";
import { errorText } from "../i18n/errors";
import { send } from "../stores/connection";
import { CertificateChanged, CertificateQuestion, isFingerprint } from "./Certificate";

interface SignInFormProps {
  address: string;
  email: string;
  /** Signing in again to the workspace that is open: server and account are given. */
  again?: boolean;
  onDone?: () => void;
}

/** Which field an error is about; the others stand above the button. */
const aboutAddress = [
  "invalid_address",
  "server_unreachable",
  "not_a_cockpit_server",
  "schema_missing",
  "schema_too_old",
  "schema_too_new",
];

/** Server, e-mail and password; the key only when the server is one that does not tell its own. */
export function SignInForm({ again = false, onDone, ...given }: SignInFormProps) {
  const m = useMessages();
  const [address, setAddress] = useState(given.address);
  const [email, setEmail] = useState(given.email);
  const [password, setPassword] = useState("");
  const [anonKey, setAnonKey] = useState("");
  const [keyNeeded, setKeyNeeded] = useState(false);
  const [found, setFound] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<AppError | null>(null);
  // The certificate that the person trusts at this address: by the button, or as it was told and typed.
  const [trusted, setTrusted] = useState<string | null>(null);
  const [told, setTold] = useState("");
  const [missing, setMissing] = useState<"address" | "email" | "password" | null>(null);
  const probed = useRef("");

  const changed = error?.code === "certificate_changed";
  const invalid = changed && told.trim() !== "" && !isFingerprint(told);

  const probe = async (certificate: string | null = trusted) => {
    const wanted = address.trim();
    if (wanted === "" || wanted === probed.current || again) return;
    probed.current = wanted;
    setFound(null);
    try {
      const reply = await send({ type: "probe_server", address: wanted, ...trust(certificate) });
      // An answer about an address that was changed meanwhile says nothing.
      if (reply.type !== "server" || probed.current !== wanted) return;
      setFound(reply.address);
      setKeyNeeded(reply.key_needed);
      setError((before) => (before && (aboutAddress.includes(before.code) || isCertificate(before)) ? null : before));
    } catch (thrown) {
      if (probed.current === wanted) setError(asAppError(thrown));
    }
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const typed = told.trim();
    void signIn(changed && typed !== "" ? typed : trusted);
  };

  const signIn = async (certificate: string | null) => {
    const lack =
      address.trim() === "" ? "address" : email.trim() === "" ? "email" : password === "" ? "password" : null;
    setMissing(lack);
    if (lack || busy || invalid) return;
    setBusy(true);
    // The warning stays until the server has proved itself: a field that vanishes under one's hands could not be corrected.
    setError((before) => (before?.code === "certificate_changed" ? before : null));
    try {
      const key = anonKey.trim();
      await send({
        type: "sign_in",
        address: address.trim(),
        anon_key: key === "" ? null : key,
        email: email.trim(),
        password,
        ...trust(certificate),
      });
      setError(null);
      onDone?.();
    } catch (thrown) {
      const failure = asAppError(thrown);
      if (failure.code === "key_needed") setKeyNeeded(true);
      setError(failure);
    } finally {
      setBusy(false);
    }
  };

  /** The person has compared the fingerprint: what the question interrupted goes on. */
  const trustServer = (fingerprint: string) => {
    setTrusted(fingerprint);
    probed.current = "";
    if (password !== "" && email.trim() !== "") {
      void signIn(fingerprint);
    } else {
      setError(null);
      void probe(fingerprint);
    }
  };

  const addressError = missing === "address" ? m.signin_address_missing() : aboutField(error, "address");
  const general =
    error && !aboutAddress.includes(error.code) && !isCertificate(error) && error.code !== "wrong_password"
      ? errorText(error)
      : null;
  return (
    <form className="flex flex-col gap-4" onSubmit={submit} noValidate>
      <TextField
        label={m.signin_address()}
        hint={found ? m.signin_found({ address: found.replace(/\/$/, "") }) : m.signin_address_hint()}
        error={addressError}
        value={address}
        readOnly={again}
        autoFocus={!again && given.address === ""}
        spellCheck={false}
        autoComplete="url"
        placeholder={m.signin_address_example()}
        onChange={(event) => {
          setAddress(event.target.value);
          setFound(null);
          probed.current = "";
          setTrusted(null);
          setTold("");
          if (error && isCertificate(error)) setError(null);
          if (aboutAddress.includes(error?.code ?? "")) setError(null);
        }}
        onBlur={() => void probe()}
      />
      {error?.code === "untrusted_certificate" && (
        <CertificateQuestion error={error} busy={busy} onTrust={trustServer} />
      )}
      {error && changed && <CertificateChanged error={error} value={told} invalid={invalid} onChange={setTold} />}
      {keyNeeded && (
        <TextField
          label={m.signin_key()}
          hint={m.signin_key_hint()}
          value={anonKey}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => setAnonKey(event.target.value)}
        />
      )}
      <TextField
        label={m.signin_email()}
        error={missing === "email" ? m.signin_email_missing() : null}
        type="email"
        value={email}
        readOnly={again}
        autoFocus={!again && given.address !== "" && given.email === ""}
        autoComplete="username"
        onChange={(event) => setEmail(event.target.value)}
      />
      <TextField
        label={m.signin_password()}
        error={missing === "password" ? m.signin_password_missing() : aboutField(error, "password")}
        type="password"
        value={password}
        autoFocus={again || (given.address !== "" && given.email !== "")}
        autoComplete="current-password"
        onChange={(event) => setPassword(event.target.value)}
      />
      {general && (
        <p role="alert" className="rounded-md bg-bad-ground px-3 py-2 text-text" data-selectable>
          {general}
        </p>
      )}
      <Button look="filled" type="submit" busy={busy} className="w-full">
        {busy ? m.signin_busy() : m.signin_button()}
      </Button>
    </form>
  );
}

/** What the person has to decide about the server's certificate is asked beside the address. */
function isCertificate(error: AppError): boolean {
  return error.code === "untrusted_certificate" || error.code === "certificate_changed";
}

function trust(certificate: string | null): { certificate?: string } {
  return certificate === null ? {} : { certificate };
}

function aboutField(error: AppError | null, field: "address" | "password"): string | null {
  if (!error) return null;
  const mine = field === "address" ? aboutAddress.includes(error.code) : error.code === "wrong_password";
  return mine ? errorText(error) : null;
}
