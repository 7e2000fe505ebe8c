import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ADA, Stack } from "./stack";
import { TasksPage } from "./tasks-page";

const shots = join(import.meta.dirname, "..", "..", "target", "shots", "browser");
let stack: Stack;
beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  stack = await Stack.start();
});
afterAll(() => stack?.end());

const shoot = (page: Page, name: string) => page.screenshot({ path: join(shots, `${name}.png`) });

async function appearance(page: Page, theme: "Light" | "Dark"): Promise<void> {
  await page.getByRole("button", { name: "Appearance" }).click();
  await page.getByRole("menuitemradio", { name: theme }).click();
  await page.locator(`html[data-theme="${theme.toLowerCase()}"]`).waitFor();
  await page.getByRole("menuitemradio").first().waitFor({ state: "detached" });
}

it("filters and sorts", async () => {
  const tasks = new TasksPage(await stack.person(ADA));
  await tasks.ready();
  const toDo = await tasks.count();
  await tasks.filterStatus("All");
  await expect.poll(() => tasks.count()).toBeGreaterThan(toDo);
  const all = await tasks.count();

  await tasks.choose(/^Order/, "Name");
  const ascending = await tasks.names();
  expect(ascending.length).toBeGreaterThan(10);
  await tasks.page.getByRole("button", { name: "Ascending order" }).click();
  await expect.poll(async () => (await tasks.names())[0]).not.toBe(ascending[0]);
  await tasks.grid.focus();
  await tasks.page.keyboard.press("End");
  await expect.poll(async () => (await tasks.names()).at(-1)).toBe(ascending[0]);

  await tasks.filterStatus("Done");
  await expect.poll(() => tasks.count()).toBeLessThan(all);
  const boxes = tasks.grid.getByRole("checkbox");
  expect(await boxes.count()).toBeGreaterThan(0);
  expect(await tasks.grid.getByRole("checkbox", { checked: false }).count()).toBe(0);
  await tasks.filterText("nothing has this name");
  await tasks.page.getByText("No task matches the filter").waitFor();
  await shoot(tasks.page, "no-match");
  await tasks.page.getByRole("button", { name: "Clear filter" }).last().click();
  await expect.poll(() => tasks.count()).toBe(toDo);
});

it("looks as it should: light, dark, narrow, small, offline", async () => {
  const page = await stack.person(ADA);
  const tasks = new TasksPage(page);
  await tasks.ready();
  await tasks.synced();
  await appearance(page, "Light");
  await shoot(page, "light");
  await appearance(page, "Dark");
  await shoot(page, "dark");
  await page.setViewportSize({ width: 900, height: 600 });
  await shoot(page, "dark-narrow");
  await appearance(page, "Light");
  await shoot(page, "light-narrow");
  // Nothing may lie beyond the edge of the smallest window.
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(900);
  await page.setViewportSize({ width: 1920, height: 1080 });
  await shoot(page, "light-wide");

  await page.setViewportSize({ width: 1280, height: 800 });
  await stack.stopHub("SIGKILL");
  await tasks.add("Written while nobody answers");
  await page.locator('[data-sync="offline"][data-pending="1"]').waitFor();
  await page.locator("[data-sync]").click();
  await page.getByRole("dialog").waitFor();
  await shoot(page, "offline");
  await page.keyboard.press("Escape");
  await stack.startHub();
  await tasks.synced();
});

it("shows the form of a person who has not signed in, and what is wrong with it", async () => {
  const page = await stack.person();
  await page.getByLabel("Server").waitFor();
  await shoot(page, "sign-in");
  await page.getByLabel("Server").fill("127.0.0.1:9");
  await page.getByLabel("E-mail").fill(ADA);
  await page.getByLabel("Password").fill("wrong");
  await page.keyboard.press("Enter");
  await page.locator('input[aria-invalid="true"]').waitFor();
  await shoot(page, "sign-in-unreachable");
});
