import { uuidV7 } from "../../stores/uuid";
import type { Frame } from "../bindings/Frame";
import type { TaskField } from "../bindings/TaskField";
import type { TaskViewSpec } from "../bindings/TaskViewSpec";
import type { ViewId } from "../bindings/ViewId";
import { equal, holds, isAppError } from "./expect";
import type { Probe } from "./probe";

/** What steps hand on to each other, also over a reload and from window to window. */
export interface Memory {
  /** In the name of every task of this run. */
  mark: string;
  task: string;
  view: ViewId;
  /** The ids of a list as another page saw it. */
  ids: string[];
}

/** One thing that every backend has to do in the same way. */
export interface Step {
  name: string;
  /** In which of the two windows. */
  window: 1 | 2;
  /** Whether that window's page is loaded anew first. */
  reload?: boolean;
  run: (probe: Probe, memory: Memory) => Promise<void>;
}

const everything: TaskViewSpec = {
  filter: { statuses: [], project: null, assignee: null, tag: null, due: null, text: null, trashed: false },
  order: { by: "rank", descending: false },
};
const marked = ({ mark }: Memory, extra = ""): TaskViewSpec => ({
  ...everything,
  filter: { ...everything.filter, text: mark + extra },
});

const settled = (probe: Probe) =>
  probe.until("an open workspace in step with its server", () => {
    const { session, sync } = probe.state;
    return session.state === "open" && sync?.phase.phase === "live" && sync.pending === 0;
  });

async function create(probe: Probe, name: string, set: TaskField[] = []): Promise<string> {
  const id = uuidV7();
  equal("the answer", await probe.send({ type: "task_create", draft: { id, name, set } }), { type: "done" });
  return id;
}

const edit = (probe: Probe, id: string, ...set: TaskField[]) => probe.send({ type: "task_edit", id, set });
const rename = (probe: Probe, id: string, value: string) => edit(probe, id, { field: "name", value });
const isSnapshot = (frame: Frame) => frame.ops[0]?.op === "reset";

const first = (name: string, run: Step["run"]): Step => ({ name, window: 1, run });
const second = (name: string, run: Step["run"]): Step => ({ name, window: 2, run });

export const steps: Step[] = [
  first("an attachment begins with a snapshot of session, sync and small stores", async (probe) => {
    const frame = await probe.attach();
    holds("the first frame is a snapshot", isSnapshot(frame), frame.ops[0]);
    await settled(probe);
    const { tenant, people, projects, clients } = probe.state;
    equal("the workspace", tenant?.name, "Studio North");
    holds("people", Object.keys(people).length === 2, people);
    holds("projects and clients", Object.keys(projects).length > 0 && Object.keys(clients).length > 0);
  }),
  first("a view answers its count, its slice and every row of it", async (probe, memory) => {
    memory.view = await probe.open(everything, 0, 10);
    const slice = probe.slice(memory.view);
    holds("there are more tasks than were asked for", (slice?.count ?? 0) > 10, slice);
    equal("the slice", [slice?.from, slice?.ids.length, new Set(slice?.ids).size], [0, 10, 10]);
    memory.ids = [...(slice?.ids ?? [])];
  }),
  first("a view that is moved shows the other part of the same list", async (probe, memory) => {
    equal("the answer", await probe.send({ type: "view_move", view: memory.view, from: 5, to: 15 }), { type: "done" });
    const ids = await probe.until("the moved slice", () => {
      const slice = probe.slice(memory.view);
      return slice?.from === 5 && probe.rows(memory.view) && slice.ids;
    });
    equal("what both slices have", ids.slice(0, 5), memory.ids.slice(5));
    equal("its length", ids.length, 10);
  }),
  first("a view obeys its filter and its order", async (probe) => {
    const filter = { ...everything.filter, statuses: ["done" as const] };
    const view = await probe.open({ filter, order: { by: "updated", descending: true } });
    const tasks = (probe.rows(view) ?? []).map((row) => row.task);
    holds("there are done tasks, and no others", tasks.length > 0 && tasks.every((task) => task.status === "done"));
    const times = tasks.map((task) => Date.parse(task.updated_at));
    equal(
      "the newest first",
      times,
      [...times].sort((a, b) => b - a),
    );
    await probe.send({ type: "view_close", view });
  }),
  first("a created task comes as a patch, pending first and confirmed then", async (probe, memory) => {
    memory.view = await probe.open(marked(memory));
    equal("an empty list", probe.slice(memory.view)?.count, 0);
    const before = probe.frames.length;
    memory.task = await create(probe, `${memory.mark} one`, [{ field: "priority", value: "high" }]);
    const { task } = await probe.task("the new row", memory.task, () => true);
    equal("name and priority", [task.name, task.priority, task.status], [`${memory.mark} one`, "high", "open"]);
    await probe.task("the confirmed row", memory.task, (_, row) => !row.pending && !row.failed);
    const rows = probe.frames
      .slice(before)
      .flatMap((frame) => frame.ops.flatMap((op) => (op.op === "view" ? op.rows : [])));
    holds("it was pending first", rows.find((row) => row.task.id === memory.task)?.pending === true, rows);
    holds("by patches", !probe.frames.slice(before).some(isSnapshot));
  }),
  first("every kind of value arrives as it was sent", async (probe, { task: id }) => {
    const project = Object.keys(probe.state.projects)[0] ?? null;
    const assignee = Object.keys(probe.state.people)[0] ?? null;
    const notes = 'line\nline\twith "quotes" \\ \u2028 \u{1f98e} עברית e\u0301 <b>&amp;</b>';
    const set: TaskField[] = [
      { field: "notes", value: notes },
      { field: "tags", value: ["a b", "übrig", "\u{1f98e}"] },
      { field: "estimate_hours", value: "12345.25" },
      { field: "due_date", value: "2028-02-29" },
      { field: "start_date", value: "0999-12-31" },
      { field: "billable", value: false },
      { field: "project_id", value: project },
      { field: "assignee", value: assignee },
    ];
    await edit(probe, id, ...set);
    const { task } = await probe.task("the confirmed values", id, (now, row) => now.notes === notes && !row.pending);
    equal("the tags", [...task.tags].sort(), ["a b", "übrig", "\u{1f98e}"].sort());
    equal(
      "the other values",
      [task.estimate_hours, task.due_date, task.start_date, task.billable, task.project_id, task.assignee],
      ["12345.25", "2028-02-29", "0999-12-31", false, project, assignee],
    );
    await edit(probe, id, { field: "notes", value: null }, { field: "due_date", value: null });
    // No long text is the empty one.
    await probe.task("the removed values", id, (now, row) => now.notes === "" && now.due_date === null && !row.pending);
  }),
  first("a long text and the small frames around it keep their order", async (probe, { task: id }) => {
    // Tauri hands large frames over in another way than small ones.
    for (let round = 0; round < 5; round += 1) {
      const notes = `${round} ${"long ".repeat(15_000)}`;
      await Promise.all([
        edit(probe, id, { field: "notes", value: notes }),
        edit(probe, id, { field: "estimate_hours", value: String(round) }),
      ]);
      await probe.task("the long text", id, (now) => now.notes === notes && Number(now.estimate_hours) === round);
    }
    await edit(probe, id, { field: "notes", value: null });
    await probe.task("the end of it", id, (now, row) => now.notes === "" && !row.pending);
  }),
  first("an edit of what does not exist is refused with not_found", async (probe) => {
    isAppError(
      await probe.refusal({ type: "task_edit", id: uuidV7(), set: [{ field: "name", value: "x" }] }),
      "not_found",
    );
    isAppError(await probe.refusal({ type: "view_move", view: uuidV7(), from: 0, to: 1 }), "not_found");
    isAppError(await probe.refusal({ type: "view_close", view: uuidV7() }), "not_found");
  }),
  first(
    "a value that is not allowed is refused with invalid and changes nothing",
    async (probe, { task: id, mark }) => {
      isAppError(await probe.refusal({ type: "task_edit", id, set: [{ field: "name", value: " " }] }), "invalid");
      isAppError(
        await probe.refusal({ type: "task_edit", id, set: [{ field: "estimate_hours", value: "ten" }] }),
        "invalid",
      );
      equal("the name", probe.state.tasks.rows[id]?.task.name, `${mark} one`);
    },
  ),
  first("a command that nobody knows is refused with invalid", async (probe) => {
    isAppError(await probe.refusal({ type: "make_coffee" }), "invalid");
    isAppError(await probe.refusal({ type: "task_delete", id: "not an id" }), "invalid");
    isAppError(await probe.refusal({ type: "task_create", draft: { name: "without an id" } }), "invalid");
  }),
  first("errors of the network keep their code", async (probe) => {
    isAppError(await probe.refusal({ type: "probe_server", address: "127.0.0.1:9" }), "server_unreachable");
    isAppError(await probe.refusal({ type: "probe_server", address: "not an address" }), "invalid_address");
  }),
  first("fifty commands at once each get their own answer and each take effect once", async (probe, memory) => {
    const view = await probe.open(marked(memory, " of many"));
    const names = Array.from({ length: 50 }, (_, number) => `${memory.mark} of many ${number}`);
    const wanted = names.map((name) => create(probe, name));
    const mixed = probe.refusal({ type: "task_delete", id: uuidV7() });
    await Promise.all(wanted);
    isAppError(await mixed, "not_found");
    const rows = await probe.until("fifty confirmed rows", () => {
      const now = probe.rows(view);
      return now?.length === 50 && now.every((row) => !row.pending) && now;
    });
    equal("the names", rows.map((row) => row.task.name).sort(), [...names].sort());
    await probe.send({ type: "view_close", view });
  }),
  first("commands that are sent without waiting are carried out in their order", async (probe, { task: id, mark }) => {
    for (let round = 0; round < 20; round += 1) {
      const names = Array.from({ length: 10 }, (_, number) => `${mark} ${round}.${number}`);
      await Promise.all(names.map((name) => rename(probe, id, name)));
      await probe.task("the last name", id, (task) => task.name === names.at(-1));
    }
    await rename(probe, id, `${mark} one`);
    await probe.task("the name of before", id, (task, row) => task.name === `${mark} one` && !row.pending);
  }),
  first("undo and redo say what they did", async (probe, { task: id, mark }) => {
    await rename(probe, id, `${mark} renamed`);
    const undone = await probe.send({ type: "undo" });
    holds("the undo", undone.type === "undone" && undone.record === id && undone.what === "edit", undone);
    await probe.task("the old name", id, (task) => task.name === `${mark} one`);
    const redone = await probe.send({ type: "redo" });
    holds("the redo", redone.type === "undone" && redone.record === id && redone.what === "edit", redone);
    await probe.task("the new name", id, (task) => task.name === `${mark} renamed`);
    isAppError(await probe.refusal({ type: "redo" }), "nothing_to_undo");
  }),
  first("a deleted task leaves the list and comes back when it is restored", async (probe, memory) => {
    const { task: id, view } = memory;
    await probe.send({ type: "task_delete", id });
    await probe.until("its end", () => probe.slice(view)?.ids.includes(id) === false);
    await probe.send({ type: "task_restore", id });
    await probe.until("its return", () => probe.slice(view)?.ids.includes(id));
  }),
  first("a preference is told, and null removes it", async (probe, { mark }) => {
    const value = { a: [1, "two", null, { ü: true }] };
    await probe.send({ type: "preference_set", key: mark, value });
    await probe.until("the preference", () => JSON.stringify(probe.state.preferences[mark]) === JSON.stringify(value));
    await probe.send({ type: "preference_set", key: mark, value: null });
    await probe.until("its end", () => !(mark in probe.state.preferences));
    isAppError(await probe.refusal({ type: "preference_set", key: mark, value: "x".repeat(5000) }), "invalid");
  }),
  first(
    "what is not acknowledged is not followed by more, and the last state arrives",
    async (probe, { task: id, mark }) => {
      await settled(probe);
      probe.acknowledges = false;
      const before = probe.frames.length;
      for (let number = 0; number < 40; number += 1) await rename(probe, id, `${mark} number ${number}`);
      const sent = probe.frames.length - before;
      probe.acknowledges = true;
      probe.acknowledge();
      await probe.task("the last name", id, (task, row) => task.name === `${mark} number 39` && !row.pending);
      holds("forty changes made few frames", sent < 10, sent);
    },
  ),
  first("attaching again ends the former stream and its views", async (probe, memory) => {
    const former = memory.view;
    const epoch = probe.state.epoch;
    for (let round = 0; round < 10; round += 1) {
      // Frames of these changes are under way while the stream is replaced.
      const edits = Array.from({ length: 10 }, (_, number) => `${memory.mark} ${round}.${number}`);
      await Promise.all(edits.map((name) => rename(probe, memory.task, name)));
      holds("a snapshot", isSnapshot(await probe.attach()));
      memory.view = await probe.open(marked(memory));
      await probe.task("the last name", memory.task, (task) => task.name === `${memory.mark} ${round}.9`);
    }
    holds("a later epoch", probe.state.epoch > epoch, [epoch, probe.state.epoch]);
    isAppError(await probe.refusal({ type: "view_move", view: former, from: 0, to: 1 }), "not_found");
    await settled(probe);
    memory.ids = [...(probe.slice(memory.view)?.ids ?? [])];
    equal("its tasks", memory.ids.length, 51);
  }),
  first("no frame of this page was a gap", async (probe) => equal("gaps", probe.gaps, [])),
  {
    ...first("a page that is loaded anew has everything, and nothing of the former page", async (probe, memory) => {
      holds("a snapshot", isSnapshot(await probe.attach()));
      await settled(probe);
      isAppError(await probe.refusal({ type: "view_move", view: memory.view, from: 0, to: 1 }), "not_found");
      equal("no list", Object.keys(probe.state.tasks.views), []);
      memory.view = await probe.open(marked(memory));
      equal("the same list", probe.slice(memory.view)?.ids, memory.ids);
    }),
    reload: true,
  },
  second("a second window has a stream of its own and the same list", async (probe, memory) => {
    holds("a snapshot", isSnapshot(await probe.attach()));
    await settled(probe);
    isAppError(await probe.refusal({ type: "view_close", view: memory.view }), "not_found");
    const view = await probe.open(marked(memory));
    equal("the same list", probe.slice(view)?.ids, memory.ids);
  }),
  first("a change is made in the first window", async (probe, { task: id, mark }) => {
    await rename(probe, id, `${mark} by the first`);
    await probe.send({ type: "preference_set", key: mark, value: "by the first" });
    await probe.task("the new name", id, (task) => task.name === `${mark} by the first`);
  }),
  second("and is there in the second, which takes it back", async (probe, { task: id, mark }) => {
    await probe.task("the new name", id, (task) => task.name === `${mark} by the first`);
    await probe.until("the preference", () => probe.state.preferences[mark] === "by the first");
    await probe.send({ type: "undo" });
    await probe.task("the old name", id, (task) => task.name !== `${mark} by the first`);
    await probe.send({ type: "preference_set", key: mark, value: null });
  }),
  first("which the first sees", async (probe, { task: id, mark }) => {
    await probe.task("the old name", id, (task) => task.name !== `${mark} by the first`);
    await probe.until("the end of the preference", () => !(mark in probe.state.preferences));
  }),
  {
    ...second("the second is loaded anew and shows nothing but its snapshot", async (probe) => {
      await probe.attach();
      await settled(probe);
      equal("no list", Object.keys(probe.state.tasks.views), []);
    }),
    reload: true,
  },
  first("and the first window's list lives on", async (probe, memory) => {
    const id = await create(probe, `${memory.mark} last`);
    await probe.until("the new row", () => probe.slice(memory.view)?.ids.includes(id));
    const { tasks } = probe.state;
    for (const each of tasks.views[memory.view]?.ids ?? []) await probe.send({ type: "task_delete", id: each });
    await probe.until("an empty list", () => probe.slice(memory.view)?.count === 0);
    await settled(probe);
    equal("gaps", probe.gaps, []);
  }),
  second("no frame of the second window was a gap", async (probe) => {
    await settled(probe);
    equal("gaps", probe.gaps, []);
  }),
];
