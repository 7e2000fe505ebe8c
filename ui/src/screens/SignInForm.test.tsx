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
