import { act, renderHook, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import type { Reply } from "../../backend/bindings/Reply";
import { sampleRow, sampleTask } from "../../gallery/samples";
import { startConnection } from "../../stores/connection";
import { FakeBackend, failure } from "../../test/fake-backend";
import { defaultFilter, toSpec } from "./filter";
import { useTaskView } from "./view";

let backend: FakeBackend;
let views = 0;

beforeEach(() => {
  backend = new FakeBackend();
  views = 0;
  backend.answer("view_open", () => {
    views += 1;
    return { type: "view", view: `v${views}` };
  });
  startConnection(backend);
  backend.push([{ op: "reset" }]);
});

const spec = toSpec(defaultFilter);
const push = (view: string, ids: string[], count = 20_000) =>
  act(() =>
    backend.push([{ op: "view", view, count, from: 0, ids, rows: ids.map((id) => sampleRow(sampleTask(id, id))) }]),
  );

describe("useTaskView", () => {
  it("opens a view, shows what arrives, and closes it with the component", async () => {
    const { result, unmount } = renderHook(() => useTaskView(spec));
    await waitFor(() => expect(backend.sent("view_open")).toHaveLength(1));
    expect(backend.sent("view_open")[0]?.spec).toEqual(spec);
    push("v1", ["a"]);
    await waitFor(() => expect(result.current).toMatchObject({ current: true, slice: { count: 20_000, ids: ["a"] } }));
    unmount();
    expect(backend.sent("view_close")).toEqual([{ type: "view_close", view: "v1" }]);
  });

  it("keeps the old rows in sight until the new ones are there, and never calls them current", async () => {
    const { result, rerender } = renderHook(({ asked }) => useTaskView(asked), { initialProps: { asked: spec } });
    await waitFor(() => expect(backend.sent("view_open")).toHaveLength(1));
    push("v1", ["a"]);
    rerender({ asked: toSpec({ ...defaultFilter, text: "x" }) });
    expect(result.current).toMatchObject({ current: false, slice: { ids: ["a"] } });
    await waitFor(() => expect(backend.sent("view_open")).toHaveLength(2));
    push("v2", ["b"], 1);
    await waitFor(() => expect(result.current).toMatchObject({ current: true, slice: { ids: ["b"] } }));
    expect(backend.sent("view_close")).toEqual([{ type: "view_close", view: "v1" }]);
  });

  it("moves the slice before the sight reaches its edge, one move at a time, the last wish winning", async () => {
    const { result } = renderHook(() => useTaskView(spec));
    await waitFor(() => expect(backend.sent("view_open")).toHaveLength(1));
    push("v1", ["a"]);
    let finish: (reply: Reply) => void = () => undefined;
    backend.answer("view_move", () => new Promise<Reply>((resolve) => (finish = resolve)));
    act(() => result.current.inSight(0, 30));
    expect(backend.sent("view_move")).toHaveLength(0);
    act(() => result.current.inSight(1000, 1030));
    act(() => result.current.inSight(5000, 5030));
    act(() => result.current.inSight(9000, 9030));
    await waitFor(() => expect(backend.sent("view_move")).toHaveLength(1));
    finish({ type: "done" });
    await waitFor(() => expect(backend.sent("view_move")).toHaveLength(2));
    expect(backend.sent("view_move").map((move) => [move.from, move.to])).toEqual([
      [900, 1130],
      [8900, 9130],
    ]);
  });

  it("opens the view anew when the engine has lost it", async () => {
    const { result } = renderHook(() => useTaskView(spec));
    await waitFor(() => expect(backend.sent("view_open")).toHaveLength(1));
    push("v1", ["a"]);
    backend.answer("view_move", failure("not_found"));
    act(() => result.current.inSight(1000, 1030));
    await waitFor(() => expect(backend.sent("view_open")).toHaveLength(2));
  });
});
