import type { Backend, Link } from "../backend";
import type { AppError } from "../backend/bindings/AppError";
import type { Command } from "../backend/bindings/Command";
import type { Frame } from "../backend/bindings/Frame";
import type { Op } from "../backend/bindings/Op";
import type { Reply } from "../backend/bindings/Reply";

type Answer = Reply | { error: AppError };

/** A backend whose frames and answers a test decides. It stands in for the door, never for the engine's judgement. */
export class FakeBackend implements Backend {
  readonly kind = "bridge";
  readonly commands: Command[] = [];
  readonly acks: [number, number][] = [];
  attachments = 0;
  private answers = new Map<Command["type"], (command: Command) => Answer | Promise<Answer>>();
  private onFrame: (frame: Frame) => void = () => undefined;
  private listener: (link: Link) => void = () => undefined;
  private epoch = 0;
  private rev = 0;

  attach(onFrame: (frame: Frame) => void): Promise<void> {
    this.attachments += 1;
    this.epoch += 1;
    this.onFrame = onFrame;
    return Promise.resolve();
  }

  async command(command: Command): Promise<Reply> {
    this.commands.push(command);
    const answer = await (this.answers.get(command.type)?.(command) ?? { type: "done" as const });
    if ("error" in answer) throw answer.error;
    return answer;
  }

  ack(epoch: number, rev: number): void {
    this.acks.push([epoch, rev]);
  }

  onLink(listener: (link: Link) => void): void {
    this.listener = listener;
    listener({ state: "open" });
  }

  link(link: Link): void {
    this.listener(link);
  }

  answer(type: Command["type"], answer: Answer | ((command: Command) => Answer | Promise<Answer>)): void {
    this.answers.set(type, typeof answer === "function" ? answer : () => answer);
  }

  /** Sends operations as the next frame; `skip` leaves a gap before it. */
  push(ops: Op[], skip = 0): void {
    const base = this.rev + skip;
    this.rev = base + 1;
    this.onFrame({ epoch: this.epoch, base_rev: base, rev: this.rev, ops, server_now: null });
  }

  sent<T extends Command["type"]>(type: T): Extract<Command, { type: T }>[] {
    return this.commands.filter((command): command is Extract<Command, { type: T }> => command.type === type);
  }
}

export function failure(code: AppError["code"], message = "It failed. Do this."): { error: AppError } {
  return { error: { code, message, retryable: false, details: null } };
}
