import type { Locator, Page } from "playwright-core";

/** What a person does with the task list, by what they see and hear of it. */
export class TasksPage {
  constructor(readonly page: Page) {}

  get grid(): Locator {
    return this.page.getByRole("grid", { name: "Tasks" });
  }

  row(name: string): Locator {
    return this.grid.getByRole("row").filter({ hasText: name });
  }

  async ready(): Promise<void> {
    await this.page.locator('[data-view-current="true"] [data-task]').first().waitFor();
  }

  async add(name: string): Promise<void> {
    const line = this.page.locator("[data-quick-add]");
    await line.fill(name);
    await line.press("Enter");
  }

  async select(name: string): Promise<void> {
    await this.row(name).getByText(name).click();
  }

  async rename(name: string, to: string): Promise<void> {
    await this.row(name).getByText(name).dblclick();
    await this.page.getByLabel("Title", { exact: true }).fill(to);
    await this.page.keyboard.press("Enter");
  }

  async complete(name: string): Promise<void> {
    await this.row(name).getByRole("checkbox").click();
  }

  async filterStatus(label: string): Promise<void> {
    await this.page.getByRole("button", { name: /^Status/ }).click();
    await this.page.getByRole("option", { name: label, exact: true }).click();
  }

  /** Chooses in one of the filter bar's lists. */
  async choose(list: RegExp, label: string): Promise<void> {
    await this.page.getByRole("toolbar").getByRole("button", { name: list }).click();
    await this.page.getByRole("option", { name: label, exact: true }).click();
    await this.page.locator('[data-view-current="true"]').waitFor();
  }

  /** The titles in sight, from above to below. */
  async names(): Promise<string[]> {
    return this.grid.getByRole("row").evaluateAll((rows) =>
      rows
        .map((row) => ({
          at: Number(row.getAttribute("aria-rowindex")),
          name: row.querySelector("[role=gridcell] > span[title]:not([role])")?.textContent ?? "",
        }))
        .sort((one, other) => one.at - other.at)
        .map(({ name }) => name),
    );
  }

  async filterText(text: string): Promise<void> {
    await this.page.getByLabel("Filter by name").fill(text);
  }

  /** Waits until the pill says that nothing is under way. */
  async synced(): Promise<void> {
    await this.page.locator('[data-sync="live"][data-pending="0"]').waitFor();
  }

  async count(): Promise<number> {
    return Number(await this.page.locator("[data-count]").getAttribute("data-count"));
  }
}
