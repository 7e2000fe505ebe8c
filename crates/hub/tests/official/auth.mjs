// The official client against a hub, as an application uses it: every flow of sign-in that a hub offers. Ends with exit code 0 and the line
// "all flows work", or with the first assertion that fails.
//
// Environment: HUB_URL, HUB_KEY, HUB_PROGRAM (the path of cockpit-hub) and HUB_DATA (its data folder), whose mails are read.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";

// The packages are installed in tools, which no folder of this file is below.
const require = createRequire(new URL("../../../../tools/package.json", import.meta.url));
const { createClient } = require("@supabase/supabase-js");
const { HUB_URL, HUB_KEY, HUB_PROGRAM, HUB_DATA } = process.env;

/** Storage of one client, so that clients of one test do not share sessions. */
const memory = () => {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
};

const client = (auth = {}) =>
  createClient(HUB_URL, HUB_KEY, {
    auth: { storage: memory(), autoRefreshToken: false, detectSessionInUrl: false, ...auth },
    // Nothing here opens a socket; Node before version 22 has no WebSocket of its own for the client to find.
    realtime: { transport: globalThis.WebSocket ?? class {} },
  }).auth;

/** The data of an answer without an error. */
const fine = ({ data, error }) => {
  assert.equal(error, null);
  return data;
};

const refused = ({ error }, status, code) => {
  assert.ok(error, "an error");
  assert.deepEqual([error.status, error.code], [status, code]);
  return error;
};

const mail = (to) => {
  const shown = execFileSync(HUB_PROGRAM, ["mail", "--data", HUB_DATA, "--last", "--json", "--to", to], { encoding: "utf8" });
  return JSON.parse(shown);
};

/** Follows a mailed link one step, as a browser would, and answers where it leads. */
const follow = async (link) => {
  const answer = await fetch(link, { redirect: "manual" });
  assert.equal(answer.status, 303);
  return new URL(answer.headers.get("location"));
};

const address = (name) => `${name}-${randomUUID()}@cockpit.test`;
const password = "longer than six";
const callback = "cockpit://auth/callback";

// Sign-up with a code, and what comes of doing it again.
const email = address("ada");
const auth = client();
const events = [];
auth.onAuthStateChange((event) => void events.push(event));
{
  const { user, session } = fine(await auth.signUp({ email, password, options: { data: { name: "Ada" }, emailRedirectTo: callback } }));
  assert.equal(session, null);
  assert.equal(user.identities.length, 1);
  refused(await auth.signInWithPassword({ email, password }), 400, "email_not_confirmed");
  const { session: confirmed } = fine(await auth.verifyOtp({ email, token: mail(email).code, type: "signup" }));
  assert.equal(confirmed.user.user_metadata.name, "Ada");
  assert.deepEqual(fine(await client().signUp({ email, password })).user.identities, []);
  const weak = refused(await client().signUp({ email: address("weak"), password: "12345" }), 422, "weak_password");
  assert.deepEqual(weak.reasons, ["length"]);
  refused(await client().signInAnonymously(), 422, "anonymous_provider_disabled");
}

// The session: user, claims, refresh.
{
  assert.equal(fine(await auth.getUser()).user.email, email);
  const claims = fine(await auth.getClaims()).claims;
  assert.deepEqual([claims.email, claims.aal, claims.amr[0].method], [email, "aal1", "otp"]);
  const before = fine(await auth.getSession()).session;
  const after = fine(await auth.refreshSession()).session;
  assert.notEqual(after.refresh_token, before.refresh_token);
}

// A code instead of the password, and wrong ones.
{
  const other = client();
  fine(await other.signInWithOtp({ email, options: { shouldCreateUser: false } }));
  const { code } = mail(email);
  const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, "0");
  refused(await other.verifyOtp({ email, token: wrong, type: "email" }), 403, "otp_expired");
  fine(await other.verifyOtp({ email, token: code, type: "email" }));
  refused(await other.verifyOtp({ email, token: code, type: "email" }), 403, "otp_expired");
  refused(await client().signInWithPassword({ email, password: "wrong password" }), 400, "invalid_credentials");
  fine(await client().signInWithOtp({ email: address("unknown"), options: { shouldCreateUser: false } }));
}

// A mailed link, whose token the client received itself.
{
  const other = client();
  fine(await other.signInWithOtp({ email }));
  const token_hash = new URL(mail(email).link).searchParams.get("token");
  fine(await other.verifyOtp({ token_hash, type: "magiclink" }));
  assert.equal(fine(await other.getUser()).user.email, email);
}

// A new password by mail, with PKCE; the link and the verifier together make the session.
{
  const pkce = client({ flowType: "pkce" });
  fine(await pkce.resetPasswordForEmail(email, { redirectTo: callback }));
  const to = await follow(mail(email).link);
  assert.ok(to.href.startsWith(callback), to.href);
  const code = to.searchParams.get("code");
  refused(await client({ flowType: "pkce", storage: withVerifier("x".repeat(50)) }).exchangeCodeForSession(code), 400, "bad_code_verifier");
  const exchanged = fine(await pkce.exchangeCodeForSession(code));
  assert.equal(exchanged.session.user.email, email);
  refused(await auth.updateUser({ password }), 422, "same_password");
  fine(await pkce.updateUser({ password: "another password" }));
  fine(await client().signInWithPassword({ email, password: "another password" }));
}

// Sign-up and sign-in with PKCE.
{
  const pkce = client({ flowType: "pkce" });
  const newcomer = address("eva");
  fine(await pkce.signUp({ email: newcomer, password, options: { emailRedirectTo: callback } }));
  const code = (await follow(mail(newcomer).link)).searchParams.get("code");
  assert.equal(fine(await pkce.exchangeCodeForSession(code)).user.email, newcomer);
  fine(await pkce.signInWithOtp({ email: newcomer, options: { emailRedirectTo: callback } }));
  const next = (await follow(mail(newcomer).link)).searchParams.get("code");
  fine(await pkce.exchangeCodeForSession(next));
}

// What a person changes: data, and the address after both have agreed.
{
  const own = client();
  fine(await own.signInWithPassword({ email, password: "another password" }));
  const { user } = fine(await own.updateUser({ data: { name: null, colour: "blue" } }));
  assert.deepEqual([user.user_metadata.name, user.user_metadata.colour], [undefined, "blue"]);
  const wanted = address("new");
  assert.equal(fine(await own.updateUser({ email: wanted })).user.new_email, wanted);
  const first = fine(await own.verifyOtp({ email: wanted, token: mail(wanted).code, type: "email_change" }));
  assert.equal(first.session, null);
  fine(await own.resend({ type: "email_change", email }));
  fine(await own.verifyOtp({ email: wanted, token: mail(wanted).code, type: "email_change" }));
  const { user: moved } = fine(await own.verifyOtp({ email, token: mail(email).code, type: "email_change" }));
  assert.equal(moved.email, wanted);
  fine(await own.reauthenticate());
  assert.equal(mail(wanted).type, "reauthentication");

  // Sign-out in its scopes.
  const sessions = [client(), client(), client()];
  for (const session of sessions) fine(await session.signInWithPassword({ email: wanted, password: "another password" }));
  const [one, two, three] = sessions;
  assert.equal((await one.signOut({ scope: "local" })).error, null);
  assert.equal(fine(await two.getUser()).user.email, wanted);
  assert.equal((await two.signOut({ scope: "others" })).error, null);
  const { data, error } = await three.refreshSession();
  assert.deepEqual([data.session, error.code], [null, "refresh_token_not_found"]);
  assert.equal((await two.signOut()).error, null);
  assert.equal(fine(await two.getSession()).session, null);
}

// No other providers.
{
  const { url } = fine(await client().signInWithOAuth({ provider: "google", options: { skipBrowserRedirect: true } }));
  const answer = await fetch(url, { redirect: "manual" });
  assert.equal(answer.status, 400);
  assert.equal((await answer.json()).error_code, "validation_failed");
}

assert.ok(events.includes("SIGNED_IN") && events.includes("TOKEN_REFRESHED"), events.join());
console.log("all flows work");

/** A storage that has another client's verifier for everybody who asks. */
function withVerifier(verifier) {
  return { ...memory(), getItem: (key) => (key.endsWith("-code-verifier") ? JSON.stringify(verifier) : null) };
}
