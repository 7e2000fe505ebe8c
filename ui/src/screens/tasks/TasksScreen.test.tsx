import { act, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Toaster } from "../../components/Toaster";
import { sampleRow, sampleTask } from "../../gallery/samples";
import { startConnection } from "../../stores/connection";
import { FakeBackend, failure } from "../../test/fake-backend";
import { TasksScreen } from "./TasksScreen";

let backend: FakeBackend;

beforeEach(() => {
  // jsdom lays nothing out: without a height the virtualiser would draw no row at all.
  vi.spyOn(Element.prototype, "clientHeight", "get").mockReturnValue(640);
  vi.spyOn(Element.prototype, "clientWidth", "get").mockReturnValue(900);
  backend = new FakeBackend();
  backend.answer("view_open", { type: "view", view: "v" });
  startConnection(backend);
  backend.push([{ op: "reset" }]);
});

const task = (id: string, name: string, fields = {}) => sampleTask(id, name, fields);
const show = (tasks: ReturnType<typeof task>[]) =>
  act(() =>
    backend.push([
      {
        op: "view",
        view: "v",
        count: tasks.length,
        from: 0,
        ids: tasks.map((each) => each.id),
        rows: tasks.map((each) => sampleRow(each)),
      },
    ]),
  );

async function open(tasks = [task("a", "First"), task("b", "Second"), task("c", "Third")]) {
  render(
    <>
      <TasksScreen />
      <Toaster />
    </>,
  );
  await waitFor(() => expect(backend.sent("view_open")).toHaveLength(1));
  show(tasks);
  if (tasks.length > 0) await screen.findByText(tasks[0]?.name ?? "");
}

const ringed = () => document.querySelector('[aria-selected="true"]')?.getAttribute("data-task");

describe("writing tasks", () => {
  it("adds with Enter and stays in the line for the next one", async () => {
    await open();
    await userEvent.keyboard("n");
    await userEvent.keyboard("Call Jonas{Enter}");
    const line = screen.getByLabelText<HTMLInputElement>("Add a task");
    await waitFor(() => expect(backend.sent("task_create")).toHaveLength(1));
    expect(backend.sent("task_create")[0]?.draft).toMatchObject({ name: "Call Jonas", set: [] });
    expect(line.value).toBe("");
    expect(document.activeElement).toBe(line);
  });

  it("gives the line back when it could not be saved, and says why", async () => {
    await open();
    backend.answer("task_create", failure("disk_full", "The disk is full. Free some space."));
    await userEvent.keyboard("n");
    await userEvent.keyboard("Call Jonas{Enter}");
    expect(await screen.findByText("The disk is full. Free some space.")).toBeTruthy();
    expect(screen.getByLabelText<HTMLInputElement>("Add a task").value).toBe("Call Jonas");
  });
});

describe("what arrives while a person points at a row", () => {
  it("moves nothing under the pointer, says that there is something above, and shows it when asked", async () => {
    await open();
    const grid = screen.getByRole("grid");
    grid.scrollTo = (options?: ScrollToOptions | number) => {
      if (typeof options === "object") grid.scrollTop = options.top ?? 0;
      grid.dispatchEvent(new Event("scroll", { bubbles: true }));
    };
    await userEvent.hover(screen.getByText("Second"));
    show([task("x", "Arrived"), task("a", "First"), task("b", "Second"), task("c", "Third")]);
    expect(grid.scrollTop).toBe(32);
    await userEvent.click(screen.getByText("New tasks above"));
    expect(grid.scrollTop).toBe(0);
    expect(screen.queryByText("New tasks above")).toBeNull();
  });
});

describe("editing in place", () => {
  it("keeps text, caret and focus while rows change, move and arrive around it", async () => {
    await open();
    await userEvent.keyboard("{ArrowDown}{ArrowDown}{F2}");
    const input = screen.getByLabelText<HTMLInputElement>("Title");
    await userEvent.type(input, "New words", { initialSelectionStart: 0, initialSelectionEnd: 6 });
    input.setSelectionRange(3, 3);
    // A browser takes the focus from a field whose node is moved; jsdom does not, so the moves themselves are watched.
    const moves = new MutationObserver(() => undefined);
    moves.observe(screen.getByRole("grid"), { childList: true, subtree: true });
    show([
      task("x", "Arrived"),
      task("c", "Third"),
      task("b", "Changed by another", { version: 9 }),
      task("a", "First"),
    ]);
    const moved = moves.takeRecords().flatMap((record) => [...record.removedNodes]);
    expect(moved.filter((node) => node.contains(input))).toEqual([]);
    expect(document.activeElement).toBe(input);
    expect([input.value, input.selectionStart]).toEqual(["New words", 3]);
    await userEvent.keyboard("{Enter}");
    expect(backend.sent("task_edit")).toEqual([
      { type: "task_edit", id: "b", set: [{ field: "name", value: "New words" }] },
    ]);
  });

  it("survives that the row leaves the list while it is typed into", async () => {
    await open();
    await userEvent.keyboard("{ArrowDown}{F2}");
    const input = screen.getByLabelText<HTMLInputElement>("Title");
    show([task("b", "Second"), task("c", "Third")]);
    expect(document.activeElement).toBe(input);
    await userEvent.keyboard("More{Enter}");
    expect(backend.sent("task_edit")[0]).toMatchObject({ id: "a", set: [{ field: "name", value: "More" }] });
  });

  it("takes Esc as no, and a press elsewhere as yes", async () => {
    await open();
    await userEvent.keyboard("{ArrowDown}{Enter}");
    await userEvent.keyboard("Nonsense{Escape}");
    expect(screen.queryByLabelText("Title")).toBeNull();
    expect(backend.sent("task_edit")).toEqual([]);
    await userEvent.dblClick(screen.getByText("Second"));
    await userEvent.keyboard("Better");
    await userEvent.click(screen.getByLabelText("Filter by name"));
    expect(backend.sent("task_edit")[0]).toMatchObject({ id: "b", set: [{ field: "name", value: "Better" }] });
  });

  it("keeps what was typed when it could not be saved", async () => {
    await open();
    backend.answer("task_edit", failure("read_only", "Cannot write."));
    await userEvent.keyboard("{ArrowDown}{Enter}");
    await userEvent.keyboard("Precious{Enter}");
    await screen.findByText("Cannot write.");
    expect(screen.getByLabelText<HTMLInputElement>("Title").value).toBe("Precious");
  });
});

describe("keys", () => {
  it("move the ring by row, to the ends, and not beyond", async () => {
    await open();
    await userEvent.keyboard("{ArrowDown}");
    expect(ringed()).toBe("a");
    await userEvent.keyboard("{End}{ArrowDown}");
    expect(ringed()).toBe("c");
    await userEvent.keyboard("{Home}{ArrowUp}");
    expect(ringed()).toBe("a");
  });

  it("complete with x and space, and offer the way back", async () => {
    await open();
    await userEvent.keyboard("{ArrowDown}x");
    expect(backend.sent("task_edit")[0]).toEqual({
      type: "task_edit",
      id: "a",
      set: [{ field: "status", value: "done" }],
    });
    await userEvent.click(await screen.findByRole("button", { name: /Undo/ }));
    expect(backend.sent("task_edit")[1]).toMatchObject({ id: "a", set: [{ field: "status", value: "open" }] });
  });

  it("delete, and bring back what the message names", async () => {
    await open();
    await userEvent.keyboard("{ArrowDown}{Delete}");
    expect(backend.sent("task_delete")).toEqual([{ type: "task_delete", id: "a" }]);
    await userEvent.click(await screen.findByRole("button", { name: /Undo/ }));
    expect(backend.sent("task_restore")).toEqual([{ type: "task_restore", id: "a" }]);
  });

  it("undo and redo, and say what was undone", async () => {
    await open();
    backend.answer("undo", { type: "undone", record: "a", what: "delete", name: "First" });
    await userEvent.keyboard("z");
    expect(await screen.findByText("Undone: “First”")).toBeTruthy();
    await userEvent.keyboard("{Control>}{Shift>}z{/Shift}{/Control}");
    expect(backend.sent("redo")).toHaveLength(1);
  });

  it("are letters again while somebody types", async () => {
    await open();
    await userEvent.keyboard("{ArrowDown}n");
    await userEvent.keyboard("xz n?");
    expect(backend.commands.filter((command) => !command.type.startsWith("view"))).toEqual([]);
  });

  it("open the panel of a field and set it, and give the focus back", async () => {
    await open();
    await userEvent.keyboard("{ArrowDown}p");
    await userEvent.keyboard("urg{Enter}");
    expect(backend.sent("task_edit")[0]).toMatchObject({ id: "a", set: [{ field: "priority", value: "urgent" }] });
    await waitFor(() => expect(document.activeElement).toBe(screen.getByRole("grid")));
  });
});

describe("an empty list", () => {
  it("teaches the first step", async () => {
    await open([]);
    expect(await screen.findByText("Nothing to do")).toBeTruthy();
  });

  it("says when it is the filter, and clears it", async () => {
    await open([]);
    await userEvent.type(screen.getByLabelText("Filter by name"), "q");
    await waitFor(() => expect(backend.sent("view_open").length).toBeGreaterThan(1));
    show([]);
    expect(await screen.findByText("No task matches the filter")).toBeTruthy();
    await userEvent.click(screen.getAllByRole("button", { name: "Clear filter" })[0] as HTMLElement);
    expect(screen.getByLabelText<HTMLInputElement>("Filter by name").value).toBe("");
  });
});
