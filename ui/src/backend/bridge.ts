import { type Backend, type Link, windowError } from "./backend";
import type { AppError } from "./bindings/AppError";
import type { Command } from "./bindings/Command";
import type { Frame } from "./bindings/Frame";
import type { Reply } from "./bindings/Reply";

/** What the bridge sends. */
type Incoming =
  | { frame: Frame }
  | { id: number; ok: Reply }
  | { id: number; error: AppError }
  | { refused: AppError }
  | Record<string, never>;

interface Waiting {
  resolve: (reply: Reply) => void;
  reject: (error: AppError) => void;
}

const TOKEN_KEY = "cockpit-bridge-token";
const RETRY_FIRST_MS = 200;
const RETRY_LAST_MS = 3000;

/** The backend in an ordinary browser: the same engine behind a socket. For development and tests only. */
export class BridgeBackend implements Backend {
  readonly kind = "bridge";
  private readonly nonce = crypto.randomUUID();
  private readonly waiting = new Map<number, Waiting>();
  private socket: WebSocket | null = null;
  private onFrame: (frame: Frame) => void = () => undefined;
  private listener: (link: Link) => void = () => undefined;
  private nextId = 1;
  private retryMs = RETRY_FIRST_MS;

  constructor(
    private readonly address: string,
    private readonly token: string | null,
  ) {}

  onLink(listener: (link: Link) => void): void {
    this.listener = listener;
  }

  async attach(onFrame: (frame: Frame) => void): Promise<void> {
    this.onFrame = onFrame;
    if (!this.token) {
      this.listener({ state: "refused", error: noToken() });
      throw noToken();
    }
    await this.connect(this.token);
  }

  command(command: Command): Promise<Reply> {
    const socket = this.socket;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(gone());
    const id = this.nextId;
    this.nextId += 1;
    return new Promise<Reply>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      socket.send(JSON.stringify({ id, command }));
    });
  }

  ack(epoch: number, rev: number): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ ack: { epoch, rev } }));
  }

  private connect(token: string): Promise<void> {
    this.drop();
    const socket = new WebSocket(this.address);
    this.socket = socket;
    return new Promise((resolve, reject) => {
      socket.onopen = () => {
        this.retryMs = RETRY_FIRST_MS;
        socket.send(JSON.stringify({ attach: { token, nonce: this.nonce } }));
        this.listener({ state: "open" });
        resolve();
      };
      socket.onmessage = (event) => {
        if (this.socket === socket) this.receive(JSON.parse(String(event.data)) as Incoming);
      };
      socket.onclose = (event) => {
        if (this.socket !== socket) return;
        reject(gone());
        this.lost(event.code, event.reason);
      };
    });
  }

  private receive(message: Incoming): void {
    if ("frame" in message) {
      this.onFrame(message.frame as Frame);
    } else if ("refused" in message) {
      this.listener({ state: "refused", error: message.refused as AppError });
    } else if ("id" in message) {
      const id = message.id as number;
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if ("ok" in message) waiting?.resolve(message.ok as Reply);
      else if ("error" in message) waiting?.reject(message.error as AppError);
    }
  }

  /** Forgets the socket without the noise of a loss. */
  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.rejectWaiting();
  }

  private lost(code: number, reason: string): void {
    this.socket = null;
    this.rejectWaiting();
    // 1008 is the socket protocol's "policy violation": asking again would be refused again, or would take the window from another page.
    if (code === 1008) {
      this.listener({ state: "refused", error: reason.startsWith("another page") ? taken() : noToken() });
      return;
    }
    this.listener({ state: "lost" });
    const wait = this.retryMs * (0.5 + Math.random() / 2);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_LAST_MS);
    setTimeout(() => {
      if (this.socket === null && this.token) this.connect(this.token).catch(() => undefined);
    }, wait);
  }

  private rejectWaiting(): void {
    for (const waiting of this.waiting.values()) waiting.reject(gone());
    this.waiting.clear();
  }
}

/** Builds the bridge from the page's own address and takes the token out of the address bar at once. */
export function bridgeFromPage(): BridgeBackend {
  const token = takeToken();
  const label = new URLSearchParams(location.search).get("window") ?? "main";
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return new BridgeBackend(`${scheme}://${location.host}/socket?window=${encodeURIComponent(label)}`, token);
}

function takeToken(): string | null {
  const match = /(?:^#|&)token=([^&]+)/.exec(location.hash);
  if (!match?.[1]) return sessionStorage.getItem(TOKEN_KEY);
  const token = decodeURIComponent(match[1]);
  sessionStorage.setItem(TOKEN_KEY, token);
  history.replaceState(null, "", location.pathname + location.search);
  return token;
}

function gone(): AppError {
  return windowError(
    "internal",
    "Cockpit's engine does not answer. Nothing that was saved is lost. It is tried again.",
    true,
    {
      reason: "bridge_lost",
    },
  );
}

function taken(): AppError {
  return windowError(
    "profile_in_use",
    "Another page shows this window now. Use that one, or reload this page to go on here.",
    false,
    { reason: "bridge_taken" },
  );
}

function noToken(): AppError {
  return windowError(
    "forbidden",
    "This page needs its own link. Start Cockpit in the browser again and use the link it prints.",
  );
}
