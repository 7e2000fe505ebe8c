import { describe, expect, it } from "vitest";
import { defaultFilter, drafted, fieldsFromFilter, isNarrowed, shows, toSpec, withSort } from "./filter";

const today = "2026-03-12";

describe("the filter", () => {
  it("asks by itself for what is to do, in the order people gave", () => {
    expect(toSpec(defaultFilter)).toEqual({
      filter: {
        statuses: ["open", "in_progress", "review"],
        project: null,
        assignee: null,
        tag: null,
        due: null,
        text: null,
        trashed: false,
      },
      order: { by: "rank", descending: false },
    });
  });

  it("becomes a spec with each of its conditions", () => {
    const spec = toSpec({
      text: "  Page ",
      status: "done",
      project: "p",
      assignee: "m",
      tag: "legal",
      due: "week",
      sort: "due",
      descending: true,
    });
    expect(spec.filter).toMatchObject({
      statuses: ["done"],
      project: "p",
      assignee: "m",
      tag: "legal",
      due: "week",
      text: "Page",
    });
    expect(spec.order).toEqual({ by: "due", descending: true });
    expect(toSpec({ ...defaultFilter, status: "all" }).filter.statuses).toEqual([]);
  });

  it("counts as narrowed by conditions and not by order or blanks", () => {
    expect(isNarrowed(defaultFilter)).toBe(false);
    expect(isNarrowed({ ...defaultFilter, text: "  ", sort: "name", descending: true })).toBe(false);
    expect(isNarrowed({ ...defaultFilter, status: "all" })).toBe(true);
    expect(isNarrowed({ ...defaultFilter, text: "x" })).toBe(true);
  });

  it("begins an order with the end a person looks for", () => {
    expect(withSort(defaultFilter, "updated").descending).toBe(true);
    expect(withSort(defaultFilter, "priority").descending).toBe(true);
    expect(withSort({ ...defaultFilter, descending: true }, "due").descending).toBe(false);
  });

  it("gives a new task what keeps it in the list it was typed into", () => {
    const filter = {
      ...defaultFilter,
      project: "p",
      assignee: "m",
      tag: "legal",
      due: "today",
      status: "review",
    } as const;
    const set = fieldsFromFilter(filter, today);
    expect(shows(filter, drafted("New", set), today)).toBe(true);
  });

  it("knows when a new task cannot be seen", () => {
    expect(shows({ ...defaultFilter, status: "done" }, drafted("New", []), today)).toBe(false);
    expect(shows({ ...defaultFilter, text: "page" }, drafted("Draft the Page tree", []), today)).toBe(true);
    expect(shows({ ...defaultFilter, text: "page" }, drafted("Letter", []), today)).toBe(false);
    expect(shows({ ...defaultFilter, due: "overdue" }, drafted("New", []), today)).toBe(false);
    expect(shows({ ...defaultFilter, due: "none" }, drafted("New", []), today)).toBe(true);
  });
});
