import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { Program } from "./processes";

export const PASSWORD = "cockpit-demo";
export const ADA = "ada@cockpit.test";
export const BEN = "ben@cockpit.test";

/** A hub with the demo workspace, a bridge per person, and a browser. All of it is gone after `end`. */
export class Stack {
  private readonly bridges: Program[] = [];
  private readonly contexts: BrowserContext[] = [];
  private people = 0;

  private constructor(
    readonly folder: string,
    private hub: Program,
    readonly hubUrl: string,
    private readonly browser: Browser,
    private readonly hubFlags: string[],
  ) {}

  /** `hubFlags` are further arguments of the hub, at each of its starts. */
  static async start(tasks = 80, hubFlags: string[] = []): Promise<Stack> {
    const folder = mkdtempSync(join(tmpdir(), "cockpit-e2e-"));
    const demo = ["--demo", "--tasks", String(tasks)];
    const hub = Program.start("cockpit-hub", [...hubArguments(folder, 0), ...hubFlags, ...demo]);
    const hubUrl = await hub.says(/https?:\/\/127\.0\.0\.1:\d+/, 110_000);
    const browser = await chromium.launch({
      executablePath: process.env.COCKPIT_CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"],
    });
    return new Stack(folder, hub, hubUrl, browser, hubFlags);
  }

  /** A desktop of its own: another profile, another engine, another browser session. Signed in when an account is named. */
  async person(email?: string, size = { width: 1280, height: 800 }): Promise<Page> {
    this.people += 1;
    const args = ["--profile", join(this.folder, `profile-${this.people}`)];
    if (email) {
      const file = join(this.folder, "password");
      writeFileSync(file, PASSWORD, { mode: 0o600 });
      args.push("--server", this.hubUrl, "--email", email, "--password-file", file);
    }
    const bridge = Program.start("cockpit-bridge", args);
    this.bridges.push(bridge);
    const address = await bridge.says(/http:\/\/127\.0\.0\.1:\d+\/#token=\S+/);
    const context = await this.browser.newContext({ viewport: size, locale: "en-GB", reducedMotion: "reduce" });
    this.contexts.push(context);
    const page = await context.newPage();
    await underDesktopPolicy(page);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    Object.assign(page, { complaints });
    await page.goto(address);
    return page;
  }

  /** Another window of the same desktop: same profile and engine, another label. */
  async anotherWindow(first: Page, label: string): Promise<Page> {
    const token = await first.evaluate(() => sessionStorage.getItem("cockpit-bridge-token"));
    const page = await first.context().newPage();
    await page.goto(`${new URL(first.url()).origin}/?window=${label}#token=${token}`);
    return page;
  }

  async stopHub(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await this.hub.end(signal);
  }

  /** Starts the hub again at the same place with the same data. */
  async startHub(): Promise<void> {
    const port = Number(new URL(this.hubUrl).port);
    this.hub = Program.start("cockpit-hub", [...hubArguments(this.folder, port), ...this.hubFlags]);
    await this.hub.says(/https?:\/\/127\.0\.0\.1:\d+/, 60_000);
  }

  async end(): Promise<void> {
    await this.browser.close();
    await Promise.all(this.bridges.map((bridge) => bridge.end()));
    await this.hub.end();
    endPostgresOf(join(this.folder, "hub"));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function hubArguments(folder: string, port: number): string[] {
  return ["serve", "--data", join(folder, "hub"), "--port", String(port)];
}

/** Ends what a killed hub left behind, when a failing test did not start it again. */
function endPostgresOf(data: string): void {
  const file = join(data, "pg", "data", "postmaster.pid");
  if (!existsSync(file)) return;
  const id = Number(readFileSync(file, "utf8").split("\n")[0]);
  try {
    if (id > 1) process.kill(id, "SIGQUIT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The desktop's windows have a stricter policy than the bridge; with it here, what it would forbid there is a complaint here. */
async function underDesktopPolicy(page: Page): Promise<void> {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "tauri.conf.json"), "utf8");
  const { csp } = (JSON.parse(text) as { app: { security: { csp: Record<string, string> } } }).app.security;
  const policy = Object.entries(csp).map(([name, value]) => `${name} ${value}`);
  await page.route("**/", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), "content-security-policy": policy.join("; ") } });
  });
}

/** Errors that the page put into its console or did not catch. */
export function complaintsOf(page: Page): string[] {
  return (page as Page & { complaints: string[] }).complaints;
}
