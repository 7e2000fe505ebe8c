import { describe, expect, it } from "vitest";
import { anchorShift, documentOrder, selectedIndex, settledRing } from "./anchor";

const slice = (ids: string[], from = 0, count = 100) => ({ ids, from, count });

describe("stillness of the list", () => {
  it("scrolls with the row that is being typed into, before any other", () => {
    const change = { before: slice(["a", "b", "c"]), after: slice(["x", "a", "c", "b"]) };
    expect(anchorShift({ ...change, keep: ["b", "a"] })).toBe(2);
    expect(anchorShift({ ...change, keep: [null, "a"] })).toBe(1);
  });

  it("does not scroll because the slice moved over the same list", () => {
    expect(anchorShift({ before: slice(["a", "b", "c"], 0), after: slice(["b", "c", "d"], 1), keep: ["c"] })).toBe(0);
  });

  it("falls back to the next row when one has gone, and stays when all have", () => {
    const change = { before: slice(["a", "b"]), after: slice(["b"]) };
    expect(anchorShift({ ...change, keep: ["a", "b"] })).toBe(-1);
    expect(anchorShift({ ...change, keep: ["a"] })).toBe(0);
  });

  it("never moves a node of the document while a row is typed into", () => {
    expect(documentOrder(["a", "b", "c"], ["c", "x", "b"], true)).toEqual(["b", "c", "x"]);
    expect(documentOrder(["a", "b", "c"], ["c", "x", "b"], false)).toEqual(["c", "x", "b"]);
  });
});

describe("the ring", () => {
  it("follows its row, and keeps its place when the row has gone", () => {
    expect(selectedIndex({ index: 1, id: "b" }, slice(["x", "a", "b"], 10))).toBe(12);
    expect(selectedIndex({ index: 1, id: "b" }, slice(["a", "c"], 0, 2))).toBe(1);
    expect(selectedIndex({ index: 9, id: "b" }, slice(["a"], 0, 1))).toBe(0);
    expect(selectedIndex(null, slice(["a"]))).toBeNull();
    expect(selectedIndex({ index: 0, id: null }, slice([], 0, 0))).toBeNull();
  });
});

describe("settledRing", () => {
  it("belongs to the row that took the place of a deleted one, and then follows it", () => {
    const afterDelete = settledRing({ index: 1, id: "b" }, slice(["a", "c", "d"], 0, 3));
    expect(afterDelete).toEqual({ index: 1, id: "c" });
    expect(settledRing(afterDelete, slice(["new", "a", "c", "d"], 0, 4))).toEqual({ index: 2, id: "c" });
  });

  it("is the same object while nothing changed, and waits while its place is out of sight", () => {
    const ring = { index: 0, id: "a" };
    expect(settledRing(ring, slice(["a"], 0, 1))).toBe(ring);
    expect(settledRing({ index: 90, id: "z" }, slice(["a"], 0, 100))).toEqual({ index: 90, id: "z" });
  });
});
