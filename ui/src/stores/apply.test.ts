import { describe, expect, it } from "vitest";
import type { Frame } from "../backend/bindings/Frame";
import type { Op } from "../backend/bindings/Op";
import { sampleProject, sampleRow, sampleSync, sampleTask } from "../gallery/samples";
import { applyFrame } from "./apply";
import { emptyState, type WindowState } from "./state";

const frame = (base: number, ops: Op[], epoch = 1): Frame => ({
  epoch,
  base_rev: base,
  rev: base + 1,
  ops,
  server_now: 7,
});

function stateAfter(...frames: Frame[]): WindowState {
  let state: WindowState = emptyState;
  for (const each of frames) {
    const next = applyFrame(state, each);
    if (!next) throw new Error("the frame was refused");
    state = next;
  }
  return state;
}

const row = (id: string, version: number, more = {}) => sampleRow(sampleTask(id, `Task ${id}`, { version }), more);
const view = (ids: string[] | null, rows: ReturnType<typeof row>[] = [], from = 0, count = 10): Op => ({
  op: "view",
  view: "v",
  count,
  from,
  ids,
  rows,
});

describe("applyFrame", () => {
  it("takes a snapshot at any revision", () => {
    const state = stateAfter(frame(41, [{ op: "reset" }, { op: "sync", status: sampleSync({ pending: 2 }) }], 3));
    expect(state).toMatchObject({ epoch: 3, rev: 42, serverNow: 7, sync: { pending: 2 } });
  });

  it("refuses a frame with a gap, a repeated one, and one of another attachment", () => {
    const state = stateAfter(frame(0, [{ op: "reset" }]));
    expect(applyFrame(state, frame(2, []))).toBeNull();
    expect(applyFrame(state, frame(0, []))).toBeNull();
    expect(applyFrame(state, frame(1, [], 2))).toBeNull();
    expect(applyFrame(state, frame(1, []))?.rev).toBe(2);
  });

  it("never changes the state it was given", () => {
    const state = stateAfter(frame(0, [{ op: "reset" }, view(["a"], [row("a", 1)])]));
    const before = structuredClone(state);
    applyFrame(state, frame(1, [view(["b"], [row("b", 1)]), { op: "preferences", values: { theme: "dark" } }]));
    expect(state).toEqual(before);
  });

  it("takes who is here and where they point as a whole, and forgets both with a reset", () => {
    const place = { module: "tasks", record: null };
    const ada = { member: "m1", activity: "viewing" as const, places: [place], devices: 1 };
    const pointer = {
      member: "m1",
      record: { table: "tasks" as const, id: "a" },
      field: "notes",
      from: 1,
      to: 1,
      typing: true,
    };
    let state = stateAfter(
      frame(0, [{ op: "reset" }, { op: "presence", people: [ada] }, { op: "pointers", pointers: [pointer] }]),
    );
    expect([state.present, state.pointers]).toEqual([[ada], [pointer]]);
    state = applyFrame(state, frame(1, [{ op: "presence", people: [] }])) ?? state;
    expect([state.present, state.pointers]).toEqual([[], [pointer]]);
    state = applyFrame(state, frame(2, [{ op: "reset" }])) ?? state;
    expect([state.present, state.pointers]).toEqual([[], []]);
  });

  it("keeps what no operation names identical, so that it is not drawn again", () => {
    const state = stateAfter(frame(0, [{ op: "reset" }, view(["a"], [row("a", 1)])]));
    const next = applyFrame(state, frame(1, [{ op: "sync", status: sampleSync() }]));
    expect(next?.tasks).toBe(state.tasks);
    expect(next?.projects).toBe(state.projects);
  });

  it("keeps order and extent of a slice when only rows changed", () => {
    const state = stateAfter(
      frame(0, [{ op: "reset" }, view(["a", "b"], [row("a", 1), row("b", 1)], 5)]),
      frame(1, [view(null, [row("b", 2)], 5, 11)]),
    );
    expect(state.tasks.views.v).toEqual({ count: 11, from: 5, ids: ["a", "b"] });
    expect(state.tasks.rows.b?.task.version).toBe(2);
  });

  it("puts and removes rows of the mirrored stores", () => {
    const put: Op = { op: "put", row: { store: "projects", row: sampleProject("p", "Website") } };
    expect(stateAfter(frame(0, [{ op: "reset" }, put])).projects.p?.name).toBe("Website");
    const gone = stateAfter(frame(0, [{ op: "reset" }, put]), frame(1, [{ op: "remove", store: "projects", id: "p" }]));
    expect(gone.projects).toEqual({});
  });

  it("merges preferences and removes those that are null", () => {
    const state = stateAfter(
      frame(0, [{ op: "reset" }, { op: "preferences", values: { theme: "dark", language: "de" } }]),
      frame(1, [{ op: "preferences", values: { theme: null, sidebar: "collapsed" } }]),
    );
    expect(state.preferences).toEqual({ language: "de", sidebar: "collapsed" });
  });

  it("forgets everything at a reset but the notices that nobody has read yet", () => {
    const error = { code: "conflict", message: "x", retryable: false, details: null } as const;
    const state = stateAfter(
      frame(0, [{ op: "reset" }, view(["a"], [row("a", 1)]), { op: "notice", error, record: "a" }]),
      frame(9, [{ op: "reset" }], 2),
    );
    expect(state.tasks.rows).toEqual({});
    expect(state.notices).toMatchObject([{ key: 1, error, record: "a" }]);
  });

  it("counts a change by somebody else, and not one that this device made or is making", () => {
    const start = frame(0, [{ op: "reset" }, view(["a"], [row("a", 1)])]);
    expect(stateAfter(start, frame(1, [view(null, [row("a", 2)])])).tasks.touched).toEqual({ a: 1 });
    const own = stateAfter(
      start,
      frame(1, [view(null, [row("a", 1, { pending: true })])]),
      frame(2, [view(null, [row("a", 2)])]),
    );
    expect(own.tasks.touched).toEqual({});
  });

  it("lets rows outside of all slices go when there are many", () => {
    const many = Array.from({ length: 2100 }, (_, index) => row(`r${index}`, 1));
    const state = stateAfter(frame(0, [{ op: "reset" }, view(["r1", "r2"], many)]));
    expect(Object.keys(state.tasks.rows)).toEqual(["r1", "r2"]);
  });
});
