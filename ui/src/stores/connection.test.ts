import { afterEach, describe, expect, it, vi } from "vitest";
import { FakeBackend } from "../test/fake-backend";
import { startConnection, useConnection } from "./connection";
import { useWindow } from "./window";

afterEach(() => {
  window.__cockpitPaint = undefined as never;
});

describe("the connection", () => {
  it("attaches again when a frame does not follow, and goes on from the snapshot", async () => {
    const backend = new FakeBackend();
    startConnection(backend);
    await vi.waitFor(() => expect(backend.attachments).toBe(1));
    backend.push([{ op: "reset" }, { op: "preferences", values: { theme: "light" } }]);
    backend.push([{ op: "preferences", values: { theme: "dark" } }], 1);
    expect(useWindow.getState().preferences.theme).toBe("light");
    await vi.waitFor(() => expect(backend.attachments).toBe(2));
    backend.push([{ op: "reset" }, { op: "preferences", values: { theme: "dark" } }]);
    expect(useWindow.getState().preferences.theme).toBe("dark");
  });

  it("acknowledges the last revision after it was painted, and says so to a benchmark", async () => {
    const backend = new FakeBackend();
    const paints: number[] = [];
    window.__cockpitPaint = (paint) => paints.push(paint.rev);
    startConnection(backend);
    backend.push([{ op: "reset" }]);
    backend.push([{ op: "preferences", values: { a: 1 } }]);
    expect(backend.acks).toEqual([]);
    await vi.waitFor(() => expect(backend.acks).toEqual([[1, 2]]));
    expect(paints).toEqual([2]);
  });

  it("counts a new attachment when a lost socket is back, so that screens open their views again", async () => {
    const backend = new FakeBackend();
    startConnection(backend);
    await vi.waitFor(() => expect(backend.attachments).toBe(1));
    const before = useConnection.getState().attachments;
    backend.link({ state: "lost" });
    backend.link({ state: "open" });
    expect(useConnection.getState().attachments).toBe(before + 1);
  });
});
