import { Channel, invoke } from "@tauri-apps/api/core";
import { asAppError, type Backend, type Link } from "./backend";
import type { Command } from "./bindings/Command";
import type { Frame } from "./bindings/Frame";
import type { Reply } from "./bindings/Reply";

/** The backend inside a Cockpit window. */
export class TauriBackend implements Backend {
  readonly kind = "tauri";
  /** One per page load: the engine drops the views of the page that was here before a reload. */
  private readonly nonce = crypto.randomUUID();
  private generation = 0;

  async attach(onFrame: (frame: Frame) => void): Promise<void> {
    this.generation += 1;
    const generation = this.generation;
    const frames = new Channel<Frame>();
    frames.onmessage = (frame) => {
      if (generation === this.generation) onFrame(frame);
    };
    await rejectingWithAppError(invoke("attach", { nonce: this.nonce, frames }));
  }

  command(command: Command): Promise<Reply> {
    return rejectingWithAppError(invoke<Reply>("command", { command }));
  }

  ack(epoch: number, rev: number): void {
    // A lost acknowledgement does no harm: the engine collapses frames until a later one arrives.
    invoke("ack", { epoch, rev }).catch(() => undefined);
  }

  onLink(listener: (link: Link) => void): void {
    listener({ state: "open" });
  }
}

async function rejectingWithAppError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    throw asAppError(thrown);
  }
}
