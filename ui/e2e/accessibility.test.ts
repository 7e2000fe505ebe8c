import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ADA, Stack } from "./stack";
import { TasksPage } from "./tasks-page";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let stack: Stack;
beforeAll(async () => {
  stack = await Stack.start();
});
afterAll(() => stack?.end());

/** What axe finds wrong, as text that says where. */
async function faults(page: Page): Promise<string[]> {
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.flatMap((violation) =>
      violation.nodes.map((node) => `${violation.id}: ${node.html.slice(0, 160)}`),
    );
  });
}

it("finds nothing wrong with signing in", async () => {
  const page = await stack.person();
  await page.getByRole("button", { name: "Sign in" }).click();
  expect(await faults(page)).toEqual([]);
});

it("finds nothing wrong with the list, its panels, the sheet and the pill, light and dark", async () => {
  const page = await stack.person(ADA);
  const tasks = new TasksPage(page);
  await tasks.ready();
  for (const theme of ["Light", "Dark"]) {
    await page.getByRole("button", { name: "Appearance" }).click();
    await page.getByRole("menuitemradio", { name: theme }).click();
    await tasks.grid.focus();
    await page.keyboard.press("Home");
    expect(await faults(page), `${theme}: list`).toEqual([]);
    for (const key of ["p", "t", "d"]) {
      await page.keyboard.press(key);
      await page.getByRole("dialog").waitFor();
      expect(await faults(page), `${theme}: panel ${key}`).toEqual([]);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    await page.keyboard.press("?");
    expect(await faults(page), `${theme}: sheet`).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /^Sync/ }).click();
    expect(await faults(page), `${theme}: pill`).toEqual([]);
    await page.keyboard.press("Escape");
  }
});
