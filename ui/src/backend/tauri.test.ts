import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import { afterEach, describe, expect, it } from "vitest";
import type { Frame } from "./bindings/Frame";
import { TauriBackend } from "./tauri";

interface ChannelLike {
  onmessage: (frame: Frame) => void;
}

const frame = (rev: number): Frame => ({ epoch: 1, base_rev: rev - 1, rev, ops: [{ op: "reset" }], server_now: null });

afterEach(clearMocks);

describe("Tauri's backend", () => {
  it("attaches with one nonce per page, and delivers nothing of an earlier stream", async () => {
    const calls: { nonce: string; frames: ChannelLike }[] = [];
    mockIPC((command, payload) => {
      if (command === "attach") calls.push(payload as never);
    });
    const backend = new TauriBackend();
    const first: number[] = [];
    const second: number[] = [];
    await backend.attach((each) => first.push(each.rev));
    await backend.attach((each) => second.push(each.rev));
    calls[0]?.frames.onmessage(frame(1));
    calls[1]?.frames.onmessage(frame(2));
    expect([first, second]).toEqual([[], [2]]);
    expect(calls[0]?.nonce).toMatch(/^[0-9a-f-]{36}$/);
    expect(calls[1]?.nonce).toBe(calls[0]?.nonce);
  });

  it("passes errors of the engine on unchanged, and makes one of anything else", async () => {
    const error = { code: "forbidden", message: "No.", retryable: false, details: null };
    const backend = new TauriBackend();
    mockIPC(() => {
      throw error;
    });
    await expect(backend.command({ type: "undo" })).rejects.toEqual(error);
    mockIPC(() => {
      throw "command command not found";
    });
    await expect(backend.command({ type: "undo" })).rejects.toMatchObject({
      code: "internal",
      details: { words: "command command not found" },
    });
  });

  it("sends commands and acknowledgements under their names", async () => {
    const calls: unknown[] = [];
    mockIPC((command, payload) => {
      calls.push([command, payload]);
      return { type: "done" };
    });
    const backend = new TauriBackend();
    await backend.command({ type: "sync_now" });
    backend.ack(3, 7);
    expect(calls).toEqual([
      ["command", { command: { type: "sync_now" } }],
      ["ack", { epoch: 3, rev: 7 }],
    ]);
  });
});
