import { applyFrame } from "../../stores/apply";
import { emptyState, type ViewSlice, type WindowState } from "../../stores/state";
import { type Backend, pickBackend } from "..";
import type { AppError } from "../bindings/AppError";
import type { Command } from "../bindings/Command";
import type { Frame } from "../bindings/Frame";
import type { RecordId } from "../bindings/RecordId";
import type { Reply } from "../bindings/Reply";
import type { Task } from "../bindings/Task";
import type { TaskRow } from "../bindings/TaskRow";
import type { TaskViewSpec } from "../bindings/TaskViewSpec";
import type { ViewId } from "../bindings/ViewId";

const PATIENCE_MS = 20_000;

/** A page without screens: it holds what the engine told it, by the same rules as a window, and remembers how it was told. */
export class Probe {
  state: WindowState = emptyState;
  /** The frames of the present stream. */
  frames: Frame[] = [];
  /** What a page must never be sent: a frame that does not follow on the one before. */
  gaps: string[] = [];
  /** A page that is not painted acknowledges nothing. */
  acknowledges = true;
  private waiting: (() => void)[] = [];

  constructor(readonly backend: Backend = pickBackend()) {
    backend.onLink((link) => {
      if (link.state !== "open") this.gaps.push(`the link is ${link.state}`);
    });
  }

  /** Begins a stream and waits for its first frame. */
  async attach(): Promise<Frame> {
    const frames: Frame[] = [];
    this.frames = frames;
    await this.backend.attach((frame) => {
      if (frames !== this.frames) this.gaps.push(`revision ${frame.rev} of an earlier stream`);
      else this.receive(frame);
    });
    return this.until("the first frame", () => frames[0]);
  }

  private receive(frame: Frame): void {
    const first = this.frames.push(frame) === 1;
    if (first && frame.ops[0]?.op !== "reset") this.gaps.push("the first frame is no snapshot");
    const next = applyFrame(this.state, frame);
    if (next === null) {
      this.gaps.push(`${frame.epoch}/${frame.base_rev} after ${this.state.epoch}/${this.state.rev}`);
      return;
    }
    this.state = next;
    if (this.acknowledges) this.acknowledge();
    for (const look of [...this.waiting]) look();
  }

  acknowledge(): void {
    this.backend.ack(this.state.epoch, this.state.rev);
  }

  send(command: Command): Promise<Reply> {
    return this.backend.command(command);
  }

  /** The refusal of a command that must be refused. */
  async refusal(command: unknown): Promise<AppError> {
    const reply = await this.send(command as Command).then(
      (answer) => ({ answer }),
      (error: AppError) => ({ error }),
    );
    if ("answer" in reply) throw new Error(`it was carried out: ${JSON.stringify(reply.answer)}`);
    return reply.error;
  }

  /** Waits until `look` finds something in what the engine has told. */
  until<T>(
    what: string,
    look: () => T | null | undefined | false,
    has: () => unknown = () => this.summary(),
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting = this.waiting.filter((each) => each !== again);
        reject(new Error(`waited in vain for ${what}; the page has ${JSON.stringify(has())}`));
      }, PATIENCE_MS);
      const again = () => {
        const found = look();
        if (found === null || found === undefined || found === false) return;
        clearTimeout(timer);
        this.waiting = this.waiting.filter((each) => each !== again);
        resolve(found);
      };
      this.waiting.push(again);
      again();
    });
  }

  private summary(): unknown {
    const { epoch, rev, session, sync, tasks } = this.state;
    return { epoch, rev, frames: this.frames.length, session: session.state, sync, views: tasks.views };
  }

  /** Opens a list and waits for its first slice with all of its rows. */
  async open(spec: TaskViewSpec, from = 0, to = 100): Promise<ViewId> {
    const reply = await this.send({ type: "view_open", spec, from, to });
    if (reply.type !== "view") throw new Error(`a view was asked for, and ${reply.type} came`);
    await this.until("the slice", () => this.rows(reply.view));
    return reply.view;
  }

  slice(view: ViewId): ViewSlice | undefined {
    return this.state.tasks.views[view];
  }

  /** The rows of the slice in order; null while one of them is not known. */
  rows(view: ViewId): TaskRow[] | null {
    const slice = this.slice(view);
    if (!slice) return null;
    const rows = slice.ids.map((id) => this.state.tasks.rows[id]);
    return rows.every((row) => row !== undefined) ? (rows as TaskRow[]) : null;
  }

  /** Waits until the page has the task so. */
  async task(what: string, id: RecordId, wanted: (task: Task, row: TaskRow) => boolean): Promise<TaskRow> {
    const row = () => this.state.tasks.rows[id];
    const look = () => {
      const now = row();
      return now && wanted(now.task, now) ? now : null;
    };
    return this.until(what, look, () => [row(), this.summary()]);
  }
}
