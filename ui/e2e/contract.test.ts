import { join } from "node:path";
import type { Page } from "playwright-core";
import { build, type Rollup } from "vite";
import { afterAll, beforeAll, expect, it } from "vitest";
import type * as Contract from "../src/backend/contract";
import { ADA, Stack } from "./stack";

declare const cockpitContract: typeof Contract;

let stack: Stack;
let script: string;

beforeAll(async () => {
  stack = await Stack.start();
  const built = await build({ configFile: join(import.meta.dirname, "contract.vite.ts"), build: { write: false } });
  script = (built as Rollup.RollupOutput[])[0]?.output[0].code ?? "";
});
afterAll(() => stack?.end());

/** A page without screens of its own, with the suite in it. */
async function load(page: Page): Promise<void> {
  await page.evaluate(() => {
    location.hash = "#/gallery";
  });
  await page.reload();
  // A `var` of an evaluated script is a variable of the page.
  await page.evaluate(script);
}

it("the bridge keeps the contract", async () => {
  const first = await stack.person(ADA);
  const second = await stack.anotherWindow(first, "main-2");
  for (const page of [first, second]) await load(page);

  const plan = await first.evaluate(() => cockpitContract.plan);
  let memory = await first.evaluate(() => cockpitContract.begin());
  const failed: string[] = [];
  let count = 0;
  for (const [index, step] of plan.entries()) {
    const page = step.window === 1 ? first : second;
    if (step.reload) await load(page);
    const result = await page.evaluate(([at, kept]) => cockpitContract.run(at, kept), [index, memory] as const);
    memory = result.memory;
    count += 1;
    if (!result.ok) failed.push(`${result.name}: ${result.detail}`);
  }
  expect(failed).toEqual([]);
  expect(count).toBe(plan.length);
  console.log(`${count} contract checks passed through the bridge`);
});
