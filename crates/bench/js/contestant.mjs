// @supabase/realtime-js as a contestant of the client benchmark: the commands are those of src/client/contest/commands.rs.
// Run by Node with --experimental-websocket, which Node 20 needs for the library's own choice of a socket.

import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { performance } from "node:perf_hooks";
import { application, canonical } from "./application.mjs";

const require = createRequire(process.argv[2] + "/");
const { RealtimeClient } = require("@supabase/realtime-js");
const { convertChangeData } = require("@supabase/realtime-js/dist/main/lib/transformers.js");

const TOPIC = "bench";
const BINDINGS = ["rt_default", "rt_full", "rt_norls"];

// Frames as a WebSocket hands them over: a string, or an ArrayBuffer of its own.
let frames = [];
// What the library's client for these frames needs: version 1.0.0 or 2.0.0.
let version = "2.0.0";
let client;
let memory = false;
let consumer;

function load(path) {
  frames = readFileSync(path, "utf8").trimEnd().split("\n").map((line) => {
    const [kind, frame] = JSON.parse(line);
    if (kind === "t") return frame;
    const bytes = Buffer.from(frame, "base64");
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  });
  version = typeof frames[0] === "string" && frames[0].startsWith("{") ? "1.0.0" : "2.0.0";
  return { frames: frames.length };
}

// The library's own decoder for the version, as its client installs it.
function decoder() {
  const idle = new RealtimeClient("ws://127.0.0.1:9/realtime/v1", { params: { apikey: "none" }, vsn: version, transport: Memory });
  return (raw) => {
    let decoded;
    idle.socketAdapter.decode(raw, (message) => { decoded = message; });
    return decoded;
  };
}

// What the library does with a change before an application sees it (RealtimeChannel, _updateFilterTransform).
function change(data) {
  const { schema, table, commit_timestamp, type, errors } = data;
  return {
    schema, table, commit_timestamp, eventType: type, errors,
    new: type === "DELETE" ? {} : convertChangeData(data.columns, data.record),
    old: type === "INSERT" ? {} : convertChangeData(data.columns, data.old_record),
  };
}

function decode(each) {
  const read = decoder();
  for (const raw of frames) {
    const { event, payload } = read(raw);
    switch (event) {
      case "broadcast": each.broadcast(payload); break;
      case "postgres_changes": each.change(change(payload.data)); break;
      case "presence_diff":
        for (const [key, { metas }] of Object.entries(payload.joins)) each.join(key, metas);
        for (const [key, { metas }] of Object.entries(payload.leaves)) each.leave(key, metas);
        each.end?.("presence");
        break;
      case "phx_reply": each.reply(payload); break;
      case "system": each.system(payload); break;
    }
  }
}

function timed(work) {
  const begin = performance.now();
  const result = work();
  return { ns: Math.round((performance.now() - begin) * 1e6), ...result };
}

// A socket without a network: everything the client sends is answered at once, and frames are given to `onmessage` directly.
class Memory {
  static current;
  binaryType = "arraybuffer";
  readyState = 0;
  constructor() {
    Memory.current = this;
    setImmediate(() => { this.readyState = 1; this.onopen?.({}); });
  }
  send(raw) {
    if (typeof raw !== "string") return;
    const parsed = JSON.parse(raw);
    const { topic, event, ref, join_ref } = Array.isArray(parsed)
      ? { join_ref: parsed[0], ref: parsed[1], topic: parsed[2], event: parsed[3] } : parsed;
    for (const answer of answers(topic, event)) this.say(answer, topic, answer.reply ? ref : null, join_ref);
  }
  say({ event, payload }, topic, ref, join_ref) {
    const frame = version === "1.0.0" ? { ref, event, payload, topic } : [join_ref ?? null, ref, topic, event, payload];
    setImmediate(() => this.onmessage?.({ data: JSON.stringify(frame) }));
  }
  close() { this.readyState = 3; this.onclose?.({ code: 1000, reason: "", wasClean: true }); }
}

function answers(topic, event) {
  const ids = { rt_default: 66729981, rt_full: 9519238, rt_norls: 85916000 };
  const bindings = BINDINGS.map((table) => ({ id: ids[table], event: "*", schema: "public", table }));
  const response = event === "phx_join" ? { postgres_changes: bindings } : {};
  const reply = { event: "phx_reply", payload: { status: "ok", response }, reply: true };
  return event === "phx_join" ? [reply, { event: "presence_state", payload: {} }] : [reply];
}

async function join({ url }) {
  memory = url === "memory:";
  const options = { params: { apikey: "none" }, vsn: version, heartbeatIntervalMs: 3_600_000 };
  if (memory) options.transport = Memory;
  client = new RealtimeClient(memory ? "ws://127.0.0.1:9/realtime/v1" : `${url.replace("http", "ws")}/realtime/v1`, options);
  consumer = application();
  const channel = client.channel(TOPIC, { config: { presence: { enabled: true } } });
  for (const table of BINDINGS)
    channel.on("postgres_changes", { event: "*", schema: "public", table }, (payload) => consumer.change(payload));
  channel.on("broadcast", { event: "*" }, (payload) => {
    if (payload.event === "bench-begin") consumer.begin();
    else if (payload.event === "bench-end") consumer.finish();
    else consumer.broadcast(payload);
  });
  channel.on("presence", { event: "join" }, ({ key, newPresences }) => consumer.join(key, newPresences));
  channel.on("presence", { event: "leave" }, ({ key, leftPresences }) => consumer.leave(key, leftPresences));
  channel.on("system", {}, (payload) => consumer.system(payload));
  await new Promise((resolve, reject) => channel.subscribe((status, error) => {
    if (status === "SUBSCRIBED") resolve();
    else if (status !== "CLOSED") reject(error ?? new Error(status));
  }));
  // The frames that follow the reply are on their way.
  await new Promise((resolve) => setTimeout(resolve, 50));
  return { joined: true };
}

async function dispatch() {
  if (!memory) return consumer.finished();
  consumer.reset();
  const socket = Memory.current;
  return timed(() => {
    for (const data of frames) socket.onmessage({ data });
    return consumer.result();
  });
}

async function leave() {
  await client.removeAllChannels();
  client.disconnect();
  return { left: true };
}

async function trip({ url, key, count, pause_us, topic }) {
  const open = async () => {
    const one = new RealtimeClient(`${url.replace("http", "ws")}/realtime/v1`, { params: { apikey: key }, heartbeatIntervalMs: 20_000 });
    const room = one.channel(topic, { config: { broadcast: { ack: true } } });
    return { one, room };
  };
  const [from, to] = [await open(), await open()];
  const sent = new Array(count), delivered = new Array(count), acknowledged = new Array(count);
  let missing = count, done;
  const all = new Promise((resolve) => { done = resolve; });
  to.room.on("broadcast", { event: "trip" }, ({ payload }) => {
    delivered[payload.n] = Math.round((performance.now() - sent[payload.n]) * 1e6);
    if (--missing === 0) done();
  });
  for (const { room } of [from, to])
    await new Promise((resolve, reject) => room.subscribe((status, error) => (status === "SUBSCRIBED" ? resolve() : reject(error ?? new Error(status)))));
  for (let n = 0; n < count; n++) {
    const due = performance.now() + pause_us / 1000;
    sent[n] = performance.now();
    const status = await from.room.send({ type: "broadcast", event: "trip", payload: { n, text: "a message between two people" } });
    if (status !== "ok") throw new Error(`message ${n}: ${status}`);
    acknowledged[n] = Math.round((performance.now() - sent[n]) * 1e6);
    const rest = due - performance.now();
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
  }
  await Promise.race([all, new Promise((_, reject) => setTimeout(() => reject(new Error(`${missing} never came`)), 10_000))]);
  from.one.disconnect();
  to.one.disconnect();
  return { delivered, acknowledged };
}

function verify({ out }) {
  const lines = [];
  decode(canonical((line) => lines.push(JSON.stringify(line))));
  writeFileSync(out, lines.join("\n") + "\n");
  return { frames: frames.length };
}

const commands = {
  load: ({ path }) => load(path),
  decode: () => timed(() => { const each = application(); decode(each); return each.result(); }),
  verify, join, dispatch, leave, trip,
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = await commands[command.do](command);
  } catch (error) {
    answer = { error: String(error?.stack ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.exit(0);
