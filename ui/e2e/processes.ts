import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..", "..");
const suffix = process.platform === "win32" ? ".exe" : "";

/** A test run that ends early leaves nothing behind. It asks politely, because only then the hub ends its PostgreSQL. */
const running = new Set<ChildProcess>();
const endAll = () => {
  for (const child of running) child.kill("SIGTERM");
};
process.once("exit", endAll);
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  process.once(signal, () => {
    endAll();
    process.exit(1);
  });
}

/** A program of this repository that a test started and ends. */
export class Program {
  private output = "";
  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (text: string) => {
        this.output += text;
      });
    }
    running.add(child);
    child.once("exit", () => running.delete(child));
  }

  static start(name: string, args: string[]): Program {
    const path = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug", name + suffix);
    if (!existsSync(path)) throw new Error(`${path} is missing: run "cargo build -p ${name}" first`);
    return new Program(name, spawn(path, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] }));
  }

  /** The first match of what the program says, as soon as it has said it. */
  async says(pattern: RegExp, withinMs = 60_000): Promise<string> {
    const found = await until(withinMs, () => {
      if (this.child.exitCode !== null)
        throw new Error(`${this.name} ended with ${this.child.exitCode}:\n${this.output}`);
      return pattern.exec(this.output)?.[0] ?? null;
    });
    if (found === null) throw new Error(`${this.name} did not say ${pattern}:\n${this.output}`);
    return found;
  }

  /** Asks it to end and waits for it; a program that does not listen is killed after a while. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise<void>((done) => this.child.once("exit", () => done()));
    this.child.kill(signal);
    const late = setTimeout(() => this.child.kill("SIGKILL"), 15_000);
    await ended;
    clearTimeout(late);
  }
}

/** Asks again until there is an answer, or the time is over. */
async function until<T>(withinMs: number, ask: () => T | null): Promise<T | null> {
  const end = Date.now() + withinMs;
  for (;;) {
    const answer = ask();
    if (answer !== null || Date.now() > end) return answer;
    await new Promise((next) => setTimeout(next, 25));
  }
}
