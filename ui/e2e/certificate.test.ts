import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ADA, PASSWORD, Stack } from "./stack";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let stack: Stack;
beforeAll(async () => {
  stack = await Stack.start(3, ["--tls"]);
});
afterAll(() => stack?.end());

/** What the hub's owner reads to the others. */
function told(): string {
  const target = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, "..", "..", "target");
  const hub = join(target, "debug", "cockpit-hub");
  return execFileSync(hub, ["fingerprint", "--data", join(stack.folder, "hub")], { encoding: "utf8" }).trim();
}

async function faults(page: Page): Promise<string[]> {
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.map((violation) => `${violation.id}: ${violation.nodes[0]?.html.slice(0, 160)}`);
  });
}

async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.COCKPIT_PICTURES;
  if (!folder) return;
  for (const theme of ["light", "dark"]) {
    await page.evaluate((theme) => {
      document.documentElement.dataset.theme = theme;
    }, theme);
    await page.screenshot({ path: join(folder, `${name}-${theme}.png`), animations: "disabled" });
  }
}

it("asks about an unknown certificate, keeps the answer, and warns when another one is shown", async () => {
  const page = await stack.person();
  await page.getByLabel("Server").fill(stack.hubUrl.replace("https://", ""));
  await page.getByLabel("E-mail").fill(ADA);
  const question = page.getByRole("group", { name: "SHA-256 fingerprint" });
  await question.waitFor();
  expect((await question.textContent())?.replaceAll(/\s/g, "")).toBe(told());
  expect(await faults(page)).toEqual([]);
  await picture(page, "certificate-new");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "trust this server" }).click();
  const pill = page.locator("[data-sync]");
  await page.locator("[data-sync=live]").waitFor();

  // Another certificate at the same address.
  await stack.stopHub();
  rmSync(join(stack.folder, "hub", "tls"), { recursive: true });
  await stack.startHub();
  await pill.click();
  await page.getByText("another certificate than the one you have trusted").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Password").fill(PASSWORD);
  const form = page.locator("form");
  await form.getByRole("button", { name: "Sign in" }).click();
  await form.getByRole("alert").waitFor();
  expect(await form.getByRole("button").count()).toBe(1);
  expect(await faults(page)).toEqual([]);
  await picture(page, "certificate-changed");
  await page.getByLabel("Fingerprint of the new certificate").fill(told());
  await form.getByRole("button", { name: "Sign in" }).click();
  await form.waitFor({ state: "detached" });
  await page.locator("[data-sync=live]").waitFor();
});
