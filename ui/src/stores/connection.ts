import { create } from "zustand";
import type { Backend, Link } from "../backend";
import { asAppError } from "../backend";
import type { Command } from "../backend/bindings/Command";
import type { Frame } from "../backend/bindings/Frame";
import type { Reply } from "../backend/bindings/Reply";
import { applyFrame } from "./apply";
import { useWindow } from "./window";

interface ConnectionState {
  link: Link;
  /** Rises with every attachment. Views do not outlive the engine that held them, so screens open theirs again when it moves. */
  attachments: number;
}

export const useConnection = create<ConnectionState>(() => ({ link: { state: "open" }, attachments: 0 }));

let backend: Backend | null = null;
let attaching = false;
let ackScheduled = false;

/** Connects the window's store with the engine, for the life of the page. */
export function startConnection(chosen: Backend): void {
  backend = chosen;
  chosen.onLink((link) => {
    const before = useConnection.getState().link;
    useConnection.setState({ link });
    // The socket comes back by itself and sends its attachment; the snapshot that follows is a new attachment for the screens.
    if (link.state === "open" && before.state === "lost") countAttachment();
  });
  void attach();
}

/** Sends a command; rejects with an AppError. */
export function send(command: Command): Promise<Reply> {
  if (!backend) return Promise.reject(asAppError(new Error("the window is not connected")));
  return backend.command(command);
}

async function attach(): Promise<void> {
  if (!backend || attaching) return;
  attaching = true;
  try {
    await backend.attach(receive);
    countAttachment();
  } catch (thrown) {
    const link = useConnection.getState().link;
    if (backend.kind === "tauri" && link.state === "open") {
      useConnection.setState({ link: { state: "refused", error: asAppError(thrown) } });
    }
  } finally {
    attaching = false;
  }
}

function countAttachment(): void {
  useConnection.setState((state) => ({ attachments: state.attachments + 1 }));
}

function receive(frame: Frame): void {
  const next = applyFrame(useWindow.getState(), frame);
  if (next === null) {
    void attach();
    return;
  }
  useWindow.setState(next, true);
  acknowledgeAfterPaint();
}

/**
 * A hidden window paints nothing and so acknowledges nothing; the engine then collapses what it missed. The message after the
 * animation frame runs when the browser has painted, which is what the figures measure.
 */
function acknowledgeAfterPaint(): void {
  if (ackScheduled) return;
  ackScheduled = true;
  requestAnimationFrame(() => {
    const painted = new MessageChannel();
    painted.port1.onmessage = () => {
      ackScheduled = false;
      painted.port1.close();
      const { epoch, rev } = useWindow.getState();
      backend?.ack(epoch, rev);
      if (import.meta.env.MODE === "test") reportPaint(epoch, rev);
    };
    painted.port2.postMessage(null);
  });
}

/** For the benchmark only: when a revision was on the screen, in Unix milliseconds with fractions. */
function reportPaint(epoch: number, rev: number): void {
  performance.mark(`cockpit-paint-${rev}`);
  window.__cockpitPaint?.({ epoch, rev, at: performance.timeOrigin + performance.now() });
}

declare global {
  interface Window {
    __cockpitPaint?: (paint: { epoch: number; rev: number; at: number }) => void;
  }
}
