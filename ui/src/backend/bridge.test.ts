import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Link } from "./backend";
import type { Frame } from "./bindings/Frame";
import { BridgeBackend, bridgeFromPage } from "./bridge";

/** A socket whose other end is the test. */
class Socket {
  static all: Socket[] = [];
  static OPEN = 1;
  readyState = 0;
  sent: unknown[] = [];
  onopen: () => void = () => undefined;
  onmessage: (event: { data: string }) => void = () => undefined;
  onclose: (event: { code: number; reason: string }) => void = () => undefined;
  constructor(readonly url: string) {
    Socket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
  open() {
    this.readyState = 1;
    this.onopen();
  }
  say(message: unknown) {
    this.onmessage({ data: JSON.stringify(message) });
  }
  drop(code = 1006, reason = "") {
    this.readyState = 3;
    this.onclose({ code, reason });
  }
}

const frame: Frame = { epoch: 1, base_rev: 0, rev: 1, ops: [{ op: "reset" }], server_now: null };
let frames: Frame[];
let links: Link[];
let bridge: BridgeBackend;
const socket = () => Socket.all.at(-1) as Socket;

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  Socket.all = [];
  frames = [];
  links = [];
  bridge = new BridgeBackend("ws://127.0.0.1:1/socket?window=main", "secret");
  bridge.onLink((link) => links.push(link));
  const attached = bridge.attach((each) => frames.push(each));
  socket().open();
  await attached;
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  sessionStorage.clear();
});

describe("the bridge", () => {
  it("attaches first, with token and nonce, and passes frames on", () => {
    expect(socket().sent).toEqual([{ attach: { token: "secret", nonce: expect.stringMatching(/^[0-9a-f-]{36}$/) } }]);
    socket().say({ frame });
    expect(frames).toEqual([frame]);
  });

  it("gives each command its own answer, whatever the order", async () => {
    const first = bridge.command({ type: "undo" });
    const second = bridge.command({ type: "redo" });
    const error = { code: "nothing_to_undo", message: "Nothing.", retryable: false, details: null };
    socket().say({ id: 2, error });
    socket().say({ id: 1, ok: { type: "done" } });
    await expect(first).resolves.toEqual({ type: "done" });
    await expect(second).rejects.toEqual(error);
  });

  it("says that commands under way were lost, comes back by itself and attaches with the same nonce", async () => {
    const under = bridge.command({ type: "undo" });
    const nonce = (socket().sent[0] as { attach: { nonce: string } }).attach.nonce;
    socket().drop();
    await expect(under).rejects.toMatchObject({ retryable: true });
    await expect(bridge.command({ type: "undo" })).rejects.toMatchObject({ retryable: true });
    await vi.advanceTimersByTimeAsync(5000);
    expect(Socket.all).toHaveLength(2);
    socket().open();
    expect(socket().sent).toEqual([{ attach: { token: "secret", nonce } }]);
    expect(links.map((link) => link.state)).toEqual(["open", "lost", "open"]);
  });

  it("does not fight for a window that another page has, and does not ask again with a token that is not believed", async () => {
    socket().drop(1008, "another page has this window");
    expect(links.at(-1)).toMatchObject({ state: "refused", error: { code: "profile_in_use" } });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(Socket.all).toHaveLength(1);
  });

  it("ignores what an earlier socket still says after a new attachment", async () => {
    const old = socket();
    const again = bridge.attach((each) => frames.push(each));
    socket().open();
    await again;
    old.say({ frame });
    old.drop();
    expect(frames).toEqual([]);
    expect(links.at(-1)).toEqual({ state: "open" });
  });
});

describe("the page's address", () => {
  it("loses its token at once, and a reload still has it", async () => {
    history.replaceState(null, "", "/?window=main-2#token=abc%20d");
    for (let load = 0; load < 2; load += 1) {
      const page = bridgeFromPage();
      expect(location.hash).toBe("");
      void page.attach(() => undefined);
      socket().open();
      expect(socket().url).toContain("window=main-2");
      expect(socket().sent[0]).toMatchObject({ attach: { token: "abc d" } });
    }
  });

  it("without a token says what to do instead of knocking", async () => {
    history.replaceState(null, "", "/");
    const page = bridgeFromPage();
    const said: Link[] = [];
    page.onLink((link) => said.push(link));
    await expect(page.attach(() => undefined)).rejects.toMatchObject({ code: "forbidden" });
    expect(said).toMatchObject([{ state: "refused" }]);
    expect(Socket.all).toHaveLength(1);
  });
});
