/**
 * The contract suite: what a window may rely on, whichever backend it talks to. No release contains it. A driver puts it into two
 * pages of one engine (in a Cockpit window, or in a browser through the bridge) and runs the steps one after another in the window that
 * each of them names. The page must hold no screens of its own, which would attach too.
 */
import { Probe } from "./probe";
import { type Memory, steps } from "./steps";

/** What came of a step. */
export interface Result {
  name: string;
  ok: boolean;
  /** Why not; empty when it is well. */
  detail: string;
  /** For the next step, in whichever page it runs. */
  memory: Memory;
}

let probe: Probe | null = null;

/** What a driver needs to know: in which order, where, and whether on a new page. */
export const plan = steps.map(({ name, window, reload = false }) => ({ name, window, reload }));

/** The memory of a run that begins. */
export function begin(): Memory {
  return { mark: `contract-${crypto.randomUUID().slice(0, 8)}`, task: "", view: "", ids: [] };
}

/** Runs one step in this page. */
export async function run(index: number, memory: Memory): Promise<Result> {
  const step = steps[index];
  if (!step) return { name: `step ${index}`, ok: false, detail: "there is no such step", memory };
  probe ??= new Probe();
  try {
    await step.run(probe, memory);
    return { name: step.name, ok: true, detail: "", memory };
  } catch (thrown) {
    const words = thrown instanceof Error ? thrown.message : JSON.stringify(thrown);
    const gaps = probe.gaps.length > 0 ? `; gaps: ${probe.gaps.join(", ")}` : "";
    return { name: step.name, ok: false, detail: words + gaps, memory };
  }
}
