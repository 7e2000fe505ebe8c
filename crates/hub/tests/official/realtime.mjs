// The official client under remote control: one command a line on standard input, one answer or event a line on standard output.
//
// A command is {"id": 1, "do": "join", …}; its answer {"id": 1, "ok": …} or {"id": 1, "error": "…"}. What the client hears comes by itself as
// {"heard": "broadcast" | "system" | "presence" | "status", "topic": …, …}. The end of standard input ends the program.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// Standard output is for the protocol alone.
console.log = console.info = console.debug = console.error;

// The packages are installed in tools, which no folder of this file is below.
const require = createRequire(new URL("../../../../tools/package.json", import.meta.url));
const { createClient } = require("@supabase/supabase-js");
// Node has a WebSocket of its own from version 22 on.
const transport = globalThis.WebSocket ?? require("ws").WebSocket;

const write = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const channels = new Map();
let supabase;

const channel = (topic) => {
  const joined = channels.get(topic);
  if (!joined) throw new Error(`${topic} was not joined`);
  return joined;
};

const thrown = ({ data, error }) => {
  if (error) throw error;
  return data;
};

const plain = (payload) =>
  payload instanceof ArrayBuffer ? { base64: Buffer.from(payload).toString("base64") } : payload;

const commands = {
  // `vsn` undefined is what the library itself chooses.
  open({ url, key, vsn }) {
    const realtime = vsn === undefined ? { transport } : { transport, vsn };
    const auth = { persistSession: false, autoRefreshToken: true, detectSessionInUrl: false };
    supabase = createClient(url, key, { realtime, auth });
    return { vsn: supabase.realtime.vsn, version: require("@supabase/supabase-js/package.json").version };
  },

  async sign_in({ email, password }) {
    const { user, session } = thrown(await supabase.auth.signInWithPassword({ email, password }));
    // As the library does after a sign-in by itself, only awaited: the first join shall not be anonymous.
    await supabase.realtime.setAuth(session.access_token);
    return { user: user.id };
  },

  async rpc({ name, args }) {
    return thrown(await supabase.rpc(name, args));
  },

  join({ topic, config, presence }) {
    const joining = supabase.channel(topic, { config });
    joining
      .on("broadcast", { event: "*" }, ({ event, payload, meta }) =>
        write({ heard: "broadcast", topic, event, payload: plain(payload), meta: meta ?? null }),
      )
      .on("system", {}, ({ status, message, extension }) => write({ heard: "system", topic, status, message, extension }));
    if (presence) {
      joining.on("presence", { event: "sync" }, () =>
        write({ heard: "presence", topic, state: joining.presenceState() }),
      );
    }
    channels.set(topic, joining);
    return new Promise((resolve, reject) => {
      joining.subscribe((status, error) => {
        write({ heard: "status", topic, status, error: error?.message ?? null });
        if (status === "SUBSCRIBED") resolve(status);
        else reject(new Error(`${status}: ${error?.message ?? "no reason was given"}`));
      });
    });
  },

  broadcast({ topic, event, payload, base64 }) {
    const bytes = base64 === undefined ? undefined : new Uint8Array(Buffer.from(base64, "base64")).buffer;
    return channel(topic).send({ type: "broadcast", event, payload: bytes ?? payload });
  },

  // Over HTTP, without a socket.
  post({ topic, event, payload }) {
    return channel(topic).httpSend(event, payload);
  },

  track: ({ topic, payload }) => channel(topic).track(payload),
  untrack: ({ topic }) => channel(topic).untrack(),
  leave: ({ topic }) => supabase.removeChannel(channel(topic)),
};

process.on("unhandledRejection", (reason) => {
  console.error("unhandled rejection:", reason);
  process.exit(70);
});

for await (const line of createInterface({ input: process.stdin })) {
  const { id, do: name, ...rest } = JSON.parse(line);
  Promise.resolve()
    .then(() => {
      if (!Object.hasOwn(commands, name)) throw new Error(`there is no command ${name}`);
      return commands[name](rest);
    })
    .then(
      (ok) => write({ id, ok: ok ?? null }),
      (error) => write({ id, error: error?.message ?? String(error) }),
    );
}
await supabase?.removeAllChannels();
process.exit(0);
