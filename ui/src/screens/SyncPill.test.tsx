import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { sampleParked, sampleSession, sampleSync } from "../gallery/samples";
import { startConnection } from "../stores/connection";
import { useWindow } from "../stores/window";
import { FakeBackend } from "../test/fake-backend";
import { SyncPill, syncWords } from "./SyncPill";

describe("the words of the pill", () => {
  it.each([
    [sampleSync(), "Up to date"],
    [sampleSync({ phase: { phase: "polling" } }), "Up to date, checking often"],
    [sampleSync({ pending: 1 }), "Sending 1 change"],
    [sampleSync({ pending: 1200 }), "Sending 1,200 changes"],
    [sampleSync({ phase: { phase: "offline" }, pending: 3 }), "Offline · 3 waiting"],
    [sampleSync({ phase: { phase: "bootstrap", rows: 4000 } }), "Fetching, 4,000 rows"],
    [sampleSync({ phase: { phase: "sign_in_needed" }, pending: 2 }), "Sign in again · 2 waiting"],
    [sampleSync({ phase: { phase: "offline" }, parked: 1 }), "1 change needs you"],
    [sampleSync({ phase: { phase: "removed" }, parked: 1 }), "No longer a member"],
  ])("are %#: %s → %s", (status, text) => {
    expect(syncWords(status, false).text).toBe(text);
  });

  it.each([
    ["certificate_changed", "The certificate has changed · 2 waiting"],
    ["untrusted_certificate", "Certificate not trusted · 2 waiting"],
  ] as const)("say %s rather than offline", (code, text) => {
    const problem = { code, message: "m", retryable: true, details: null };
    expect(syncWords(sampleSync({ phase: { phase: "offline" }, pending: 2, problem }), false).text).toBe(text);
  });

  it("never call a session that has ended up to date", () => {
    expect(syncWords(sampleSync(), true).text).toBe("Sign in again");
  });
});

describe("the pill", () => {
  let backend: FakeBackend;
  beforeEach(() => {
    backend = new FakeBackend();
    backend.answer("changes", {
      type: "changes",
      changes: [sampleParked, { ...sampleParked, mutation: "x2", name: "Not sent yet", refused: null }],
    });
    startConnection(backend);
  });

  it("shows why a change was refused, and offers to send it again or to discard it", async () => {
    useWindow.setState({ sync: sampleSync({ parked: 1, pending: 1 }) });
    render(<SyncPill session={sampleSession} small={false} />);
    await userEvent.click(screen.getByRole("button", { name: /needs you/ }));
    expect(await screen.findByText("Rename the archive folder")).toBeTruthy();
    expect(screen.queryByText("Not sent yet")).toBeNull();
    await userEvent.click(screen.getByRole("button", { name: "Send again" }));
    await userEvent.click(screen.getByRole("button", { name: "Discard" }));
    expect(backend.sent("parked_retry")).toEqual([{ type: "parked_retry", mutation: "x1" }]);
    expect(backend.sent("parked_discard")).toEqual([{ type: "parked_discard", mutation: "x1" }]);
  });

  it("signs in again with server and account given, so that only the password is asked for", async () => {
    useWindow.setState({ sync: sampleSync({ phase: { phase: "sign_in_needed" } }) });
    render(<SyncPill session={{ ...sampleSession, sign_in_needed: true }} small={false} />);
    await userEvent.click(screen.getByRole("button", { name: /Sign in again/ }));
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }));
    await userEvent.type(await screen.findByLabelText("Password"), "secret{Enter}");
    expect(backend.sent("sign_in")).toEqual([
      {
        type: "sign_in",
        address: sampleSession.address,
        anon_key: null,
        email: sampleSession.email,
        password: "secret",
      },
    ]);
  });
});
