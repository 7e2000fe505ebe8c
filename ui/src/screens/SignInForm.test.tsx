import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { startConnection } from "../stores/connection";
import { FakeBackend, failure } from "../test/fake-backend";
import { SignInForm } from "./SignInForm";

let backend: FakeBackend;
beforeEach(() => {
  backend = new FakeBackend();
  startConnection(backend);
});

const server = () => screen.getByLabelText<HTMLInputElement>("Server");
const email = () => screen.getByLabelText<HTMLInputElement>("E-mail");
const password = () => screen.getByLabelText<HTMLInputElement>("Password");
const button = () => screen.getByRole("button", { name: /sign/i });

describe("the sign-in form", () => {
  it("looks at the server when the address is left, and asks for a key only when that is needed", async () => {
    backend.answer("probe_server", { type: "server", address: "https://x.supabase.co", key_needed: true });
    render(<SignInForm address="" email="" />);
    expect(screen.queryByLabelText("Anon key")).toBeNull();
    await userEvent.type(server(), "x.supabase.co");
    await userEvent.tab();
    expect(await screen.findByLabelText("Anon key")).toBeTruthy();
    expect(backend.sent("probe_server")).toEqual([{ type: "probe_server", address: "x.supabase.co" }]);
    expect(screen.getByText(/https:\/\/x\.supabase\.co/)).toBeTruthy();
  });

  it("says beside the address what is wrong with it", async () => {
    backend.answer("probe_server", failure("server_unreachable", "Nobody answers. Check the address."));
    render(<SignInForm address="" email="" />);
    await userEvent.type(server(), "nowhere");
    await userEvent.tab();
    await waitFor(() => expect(server().getAttribute("aria-invalid")).toBe("true"));
    expect(screen.getByText("Nobody answers. Check the address.")).toBeTruthy();
  });

  it("loses nothing that was typed when signing in fails, and says why", async () => {
    backend.answer("probe_server", { type: "server", address: "http://hub:1", key_needed: false });
    backend.answer("sign_in", failure("wrong_password", "E-mail or password is wrong."));
    render(<SignInForm address="hub:1" email="" />);
    await userEvent.type(email(), "mara@example.com");
    await userEvent.type(password(), "secret{Enter}");
    expect(await screen.findByText("E-mail or password is wrong.")).toBeTruthy();
    expect([server().value, email().value, password().value]).toEqual(["hub:1", "mara@example.com", "secret"]);
    expect(backend.sent("sign_in")).toEqual([
      { type: "sign_in", address: "hub:1", anon_key: null, email: "mara@example.com", password: "secret" },
    ]);
  });

  const fingerprint = Array.from({ length: 32 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(
    ":",
  );
  const untrusted = {
    error: {
      code: "untrusted_certificate" as const,
      message: "Compare it.",
      retryable: false,
      details: { fingerprint, address: "https://hub:1/", reason: "UnknownIssuer" },
    },
  };
  const changed = {
    error: {
      code: "certificate_changed" as const,
      message: "Changed.",
      retryable: false,
      details: { expected: fingerprint, found: "FF", address: "https://hub:1/" },
    },
  };

  it("shows the fingerprint of an unknown certificate and goes on when it is trusted", async () => {
    const server_at = { type: "server" as const, address: "https://hub:1/", key_needed: false };
    backend.answer("probe_server", (command) =>
      "certificate" in command && command.certificate === fingerprint ? server_at : untrusted,
    );
    render(<SignInForm address="" email="" />);
    await userEvent.type(server(), "hub:1");
    await userEvent.tab();
    const trust = await screen.findByRole("button", { name: /trust/i });
    expect(screen.getByLabelText("SHA-256 fingerprint").textContent).toBe(fingerprint);
    expect(screen.getByText(/prints when it starts/)).toBeTruthy();
    await userEvent.click(trust);
    expect(await screen.findByText(/Found a Cockpit server at https:\/\/hub:1/)).toBeTruthy();
    await userEvent.type(email(), "mara@example.com");
    await userEvent.type(password(), "secret{Enter}");
    expect(backend.sent("sign_in")).toMatchObject([{ certificate: fingerprint, password: "secret" }]);
  });

  it("asks in the middle of a sign-in, sends nothing before the answer and then signs in by itself", async () => {
    backend.answer("sign_in", (command) =>
      "certificate" in command && command.certificate === fingerprint ? { type: "done" } : untrusted,
    );
    render(<SignInForm address="hub:1" email="mara@example.com" />);
    await userEvent.type(password(), "secret{Enter}");
    await userEvent.click(await screen.findByRole("button", { name: /trust/i }));
    await waitFor(() => expect(backend.sent("sign_in")).toHaveLength(2));
    expect(backend.sent("sign_in").map((command) => command.certificate)).toEqual([undefined, fingerprint]);
    expect(screen.queryByRole("button", { name: /trust/i })).toBeNull();
  });

  it("does not carry the trust in one server over to another", async () => {
    backend.answer("sign_in", untrusted);
    render(<SignInForm address="hub:1" email="mara@example.com" />);
    await userEvent.type(password(), "secret{Enter}");
    await userEvent.click(await screen.findByRole("button", { name: /trust/i }));
    await userEvent.type(server(), "2");
    expect(screen.queryByText(/fingerprint/i)).toBeNull();
    await userEvent.type(password(), "{Enter}");
    expect(backend.sent("sign_in").at(-1)).not.toHaveProperty("certificate");
  });

  it("warns of a changed certificate without a button that accepts it, and takes the new fingerprint as it was told", async () => {
    backend.answer("sign_in", changed);
    render(<SignInForm address="hub:1" email="mara@example.com" again />);
    await userEvent.type(password(), "secret{Enter}");
    expect((await screen.findByRole("alert")).textContent).toContain("by phone or in person");
    expect(screen.getAllByRole("button")).toHaveLength(1);
    expect(screen.getByLabelText("Trusted until now").textContent).toBe(fingerprint);
    const told = screen.getByLabelText<HTMLInputElement>("Fingerprint of the new certificate");
    await userEvent.type(told, "FF:00");
    await userEvent.click(button());
    expect(told.getAttribute("aria-invalid")).toBe("true");
    expect(backend.sent("sign_in")).toHaveLength(1);
    await userEvent.clear(told);
    const renewed = fingerprint.replaceAll(":", "").toLowerCase();
    await userEvent.type(told, renewed);
    backend.answer("sign_in", { type: "done" });
    await userEvent.click(button());
    await waitFor(() => expect(screen.queryByRole("alert")).toBeNull());
    expect(backend.sent("sign_in").at(-1)).toMatchObject({ certificate: renewed });
  });

  it("names the first thing that is missing instead of asking the server", async () => {
    render(<SignInForm address="hub:1" email="mara@example.com" />);
    await userEvent.click(button());
    expect(screen.getByText("Enter your password.")).toBeTruthy();
    expect(backend.sent("sign_in")).toEqual([]);
  });

  it("cannot be sent twice while it is under way", async () => {
    backend.answer("sign_in", () => new Promise(() => undefined));
    render(<SignInForm address="hub:1" email="mara@example.com" />);
    await userEvent.type(password(), "secret{Enter}");
    expect(button()).toHaveProperty("disabled", true);
    await userEvent.type(password(), "{Enter}");
    expect(backend.sent("sign_in")).toHaveLength(1);
  });
});
