import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ADA, BEN, complaintsOf, PASSWORD, Stack } from "./stack";
import { TasksPage } from "./tasks-page";

let stack: Stack;
beforeAll(async () => {
  stack = await Stack.start();
});
afterAll(() => stack?.end());

describe("the first slice", () => {
  it("signs in by the form: a wrong password is said in place and nothing typed is lost", async () => {
    const page = await stack.person();
    const hub = new URL(stack.hubUrl).host;
    await page.getByRole("button", { name: "Language" }).click();
    await page.getByRole("menuitemradio", { name: "Deutsch" }).click();
    await page.getByRole("button", { name: "Sprache" }).click();
    await page.getByRole("menuitemradio", { name: "English" }).click();
    await page.getByLabel("Server").fill(hub);
    await page.getByLabel("E-mail").fill(ADA);
    await page.getByText(`Found a Cockpit server at ${stack.hubUrl}`).waitFor();
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator('input[type="password"][aria-invalid="true"]').waitFor();
    expect(await page.getByLabel("Server").inputValue()).toBe(hub);
    expect(await page.getByLabel("E-mail").inputValue()).toBe(ADA);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await new TasksPage(page).ready();
    expect(complaintsOf(page)).toEqual([]);
  });

  it("says so when nobody answers at the address", async () => {
    const page = await stack.person();
    await page.getByLabel("Server").fill("127.0.0.1:9");
    await page.getByLabel("E-mail").focus();
    await page.locator('input[aria-invalid="true"]').waitFor();
    expect(await page.getByLabel("Server").inputValue()).toBe("127.0.0.1:9");
  });

  it("adds, edits, completes, deletes and undoes a task, and the other person sees each of it", async () => {
    const [ada, ben] = [new TasksPage(await stack.person(ADA)), new TasksPage(await stack.person(BEN))];
    await Promise.all([ada.ready(), ben.ready()]);
    await Promise.all([ada.filterText("zebra"), ben.filterText("zebra")]);

    await ada.add("Paint the zebra");
    await ada.row("Paint the zebra").waitFor();
    await ben.row("Paint the zebra").waitFor();

    await ben.rename("Paint the zebra", "Paint the zebra green");
    await ben.row("Paint the zebra green").waitFor();
    await ada.row("Paint the zebra green").waitFor();
    await ada.row("Paint the zebra green").locator(".touched").waitFor({ state: "attached" });
    expect(await ben.row("Paint the zebra green").locator(".touched").count()).toBe(0);

    await ada.complete("Paint the zebra green");
    await ben.row("Paint the zebra green").waitFor({ state: "detached" });
    await ben.filterStatus("All");
    await ben.row("Paint the zebra green").getByRole("checkbox", { checked: true }).waitFor();

    await ada.page.keyboard.press("Escape");
    await ada.page.getByRole("button", { name: /^Undo/ }).first().click();
    await ben.row("Paint the zebra green").getByRole("checkbox", { checked: false }).waitFor();

    await ada.select("Paint the zebra green");
    await ada.page.keyboard.press("Delete");
    await ben.row("Paint the zebra green").waitFor({ state: "detached" });
    await ada.page.keyboard.press("Control+z");
    await ben.row("Paint the zebra green").waitFor();
    await ada.page.keyboard.press("Control+Shift+z");
    await ben.row("Paint the zebra green").waitFor({ state: "detached" });
    expect([...complaintsOf(ada.page), ...complaintsOf(ben.page)]).toEqual([]);
  });

  it("keeps the caret while another person's change arrives in the row that is typed into", async () => {
    const [ada, ben] = [new TasksPage(await stack.person(ADA)), new TasksPage(await stack.person(BEN))];
    await Promise.all([ada.ready(), ben.ready()]);
    await ada.add("Caret one");
    await ben.row("Caret one").waitFor();
    await ada.row("Caret one").getByText("Caret one").dblclick();
    const title = ada.page.getByLabel("Title", { exact: true });
    await title.fill("Caret, my words");
    await title.evaluate((input: HTMLInputElement) => input.setSelectionRange(5, 5));
    await ben.rename("Caret one", "Caret two");
    await ben.add("Another row arrives");
    await ada.row("Another row arrives").waitFor();
    await title.pressSequentially("!");
    expect(await title.inputValue()).toBe("Caret!, my words");
    await title.press("Enter");
    await ben.row("Caret!, my words").waitFor();
  });

  it("shows the same after a reload, in the person's theme and language", async () => {
    const page = await stack.person(BEN);
    const tasks = new TasksPage(page);
    await tasks.ready();
    await page.getByRole("button", { name: "Appearance" }).click();
    await page.getByRole("menuitemradio", { name: "Dark" }).click();
    await page.getByRole("button", { name: "Language" }).click();
    await page.getByRole("menuitemradio", { name: "Deutsch" }).click();
    await page.getByRole("button", { name: "Sprache" }).waitFor();
    const first = await page.locator("[data-task]").first().getAttribute("data-task");
    await page.reload();
    await page.locator(`[data-task="${first}"]`).waitFor();
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
    await page.getByRole("button", { name: "Sprache" }).waitFor();
    expect(page.url()).not.toContain("token");
  });

  it("keeps two windows of one desktop the same: rows, undo and preferences", async () => {
    const first = await stack.person(ADA);
    const second = await stack.anotherWindow(first, "main-2");
    const [one, two] = [new TasksPage(first), new TasksPage(second)];
    await Promise.all([one.ready(), two.ready()]);
    await one.add("Seen in both windows");
    await two.row("Seen in both windows").waitFor();
    await two.select("Seen in both windows");
    await second.keyboard.press("Delete");
    await one.row("Seen in both windows").waitFor({ state: "detached" });
    await one.grid.focus();
    await first.keyboard.press("Control+z");
    await two.row("Seen in both windows").waitFor();
    await first.getByRole("button", { name: "Appearance" }).click();
    await first.getByRole("menuitemradio", { name: "Dark" }).click();
    await second.locator('html[data-theme="dark"]').waitFor();
    await second.close();
    await one.add("Written after the other was closed");
    await one.row("Written after the other was closed").waitFor();
  });

  it("works on while the hub is away, says so, and both catch up when it is back", async () => {
    const [ada, ben] = [new TasksPage(await stack.person(ADA)), new TasksPage(await stack.person(BEN))];
    await Promise.all([ada.ready(), ben.ready()]);
    await Promise.all([ada.synced(), ben.synced()]);
    await stack.stopHub("SIGKILL");
    await ada.add("Written offline by Ada");
    await ada.row("Written offline by Ada").waitFor();
    await ada.page.locator('[data-sync="offline"][data-pending="1"]').waitFor();
    await ben.add("Written offline by Ben");
    await ben.page.locator('[data-sync="offline"][data-pending="1"]').waitFor();
    await stack.startHub();
    await Promise.all([ada.synced(), ben.synced()]);
    await ada.row("Written offline by Ben").waitFor();
    await ben.row("Written offline by Ada").waitFor();
  });
});
