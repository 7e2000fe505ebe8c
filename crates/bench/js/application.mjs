// What an application does with what the library hands it: every value in its real type, as far as the language has one.
// int8 and numeric are doubles by then; instants become Dates (milliseconds), bytea bytes; uuid stays text, for want of a type.

import { performance } from "node:perf_hooks";

const TYPES = {
  b: (text) => Buffer.from(text, "hex"),
  ts: (text) => new Date(text),
  tsn: (text) => new Date(`${text}Z`),
  d: (text) => new Date(`${text}T00:00:00Z`),
};

function row(record) {
  const typed = {};
  for (const name in record) {
    const value = record[name];
    typed[name] = value !== null && name in TYPES ? TYPES[name](value) : value;
  }
  return typed;
}

// Something that the optimiser cannot know is unused.
let sink = 0;

function touch(value) {
  if (value === null) return 1;
  switch (typeof value) {
    case "object": {
      let leaves = 0;
      if (Array.isArray(value)) for (const each of value) leaves += touch(each);
      else for (const name in value) leaves += touch(value[name]);
      return leaves;
    }
    case "string": sink ^= value.length; return 1;
    case "number": sink ^= value; return 1;
    default: return 1;
  }
}

function touchRow(typed) {
  let leaves = 0;
  for (const name in typed) {
    const value = typed[name];
    if (value instanceof Date) sink ^= value.getTime();
    else if (value instanceof Uint8Array) sink ^= value.length;
    else touch(value);
    leaves += 1;
  }
  return leaves;
}

export function application() {
  let leaves = 0, events = 0, begun = 0, ended;
  let end = new Promise((resolve) => { ended = resolve; });
  const people = (metas) => {
    events += 1;
    for (const meta of metas) {
      sink ^= (meta.presence_ref ?? meta.phx_ref).length;
      for (const name in meta)
        if (name !== "phx_ref" && name !== "presence_ref" && name !== "phx_ref_prev") leaves += touch(meta[name]);
    }
  };
  return {
    broadcast({ payload }) {
      events += 1;
      if (payload instanceof ArrayBuffer) { sink ^= payload.byteLength; leaves += 1; } else leaves += touch(payload);
    },
    change(payload) {
      events += 1;
      if (payload.eventType !== "DELETE") leaves += touchRow(row(payload.new));
      if (payload.eventType !== "INSERT") leaves += touchRow(row(payload.old));
    },
    join(_key, metas) { people(metas); },
    leave(_key, metas) { people(metas); },
    reply({ status }) { events += 1; sink ^= status.length; leaves += 1; },
    system({ status, message }) { events += 1; sink ^= status.length + message.length; leaves += 1; },
    begin() { leaves = 0; events = 0; begun = performance.now(); },
    finish() { ended({ ns: Math.round((performance.now() - begun) * 1e6), events, leaves }); },
    async finished() {
      const result = await end;
      end = new Promise((resolve) => { ended = resolve; });
      return result;
    },
    reset() { leaves = 0; events = 0; },
    result: () => ({ events, leaves, sink }),
  };
}

// The same values, written down for the comparison (src/client/contest/canon.rs).
export function canonical(write) {
  let joins = [], leaves = [];
  const bits = new DataView(new ArrayBuffer(8));
  const double = (number) => {
    bits.setFloat64(0, number);
    return { d: bits.getBigUint64(0).toString(16).padStart(16, "0") };
  };
  const plain = (value) => {
    if (typeof value === "number") return double(value);
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) return value.map(plain);
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
  };
  const date = (text) => (at) => Number.isNaN(at.getTime()) ? { other: text } : { us: String(BigInt(at.getTime()) * 1000n) };
  const columns = {
    id: (value) => ({ i: String(value) }), i8: (value) => ({ i: String(value) }), gen: (value) => ({ i: String(value) }),
    n: (value) => ({ num: String(value) }), f8: double,
    ts: (value, text) => date(text)(value), tsn: (value, text) => date(text)(value),
    d: (value, text) => Number.isNaN(value.getTime()) ? { other: text } : { day: value.toISOString().slice(0, 10) },
    b: (value) => ({ bytes: value.toString("hex") }),
    j: plain, js: plain,
  };
  const record = (raw) => {
    const typed = row(raw);
    return Object.fromEntries(Object.entries(typed).map(([name, value]) =>
      [name, value === null || !(name in columns) ? value : columns[name](value, raw[name])]));
  };
  const people = (into) => (key, metas) => {
    for (const { phx_ref, phx_ref_prev, ...payload } of metas) into().push([key, phx_ref, plain(payload)]);
  };
  return {
    broadcast: ({ event, meta, payload }) => write({
      k: "broadcast", event, id: meta?.id ?? null,
      payload: payload instanceof ArrayBuffer ? { bytes: Buffer.from(payload).toString("hex") } : plain(payload ?? null),
    }),
    change: ({ eventType, table, commit_timestamp, new: now, old }) => write({
      k: "change", kind: eventType, table, committed: commit_timestamp,
      record: eventType === "DELETE" ? {} : record(now), old: eventType === "INSERT" ? {} : record(old),
    }),
    join: people(() => joins),
    leave: people(() => leaves),
    end() { write({ k: "presence", joins, leaves }); joins = []; leaves = []; },
    reply: ({ status }) => write({ k: "reply", ok: status === "ok" }),
    system: ({ status, message }) => write({ k: "system", status, message }),
  };
}
