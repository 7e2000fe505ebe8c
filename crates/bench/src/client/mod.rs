//! The Supabase client beside others, and the hub's Realtime under many sockets.

mod compare;
mod contest;
mod contestant;
mod feeder;
pub(crate) mod line;
mod load;
mod ours;
mod race;
mod recording;
mod stream;
mod trip;

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::Scale;
use crate::process::{self, HubProcess};
use crate::table::Section;

/// Plays our contestant on the standard input and output.
pub(crate) fn contestant() -> Result<()> {
    contest::commands::serve(ours::Ours::new()?)
}

/// All of it.
pub(crate) fn measure(runtime: &Runtime, scale: Scale) -> Result<Section> {
    let mut tables =
        if std::env::var_os("NORACE").is_some() { Vec::new() } else { race::race(scale, runtime.handle())? };
    let folder = process::folder()?;
    let start = |name: &str| runtime.block_on(HubProcess::start(&folder.path().join(name), 0, &[]));
    let hub = start("hub")?;
    tables.push(trip::trips(&hub, scale)?);
    tables.push(runtime.block_on(load::steady(&hub, scale))?);
    tables.push(runtime.block_on(load::ramp(&hub, scale))?);
    runtime.block_on(hub.stop())?;
    // Another one: a process keeps the memory that a load took.
    let hub = start("idle")?;
    tables.push(runtime.block_on(load::idle(&hub, scale))?);
    runtime.block_on(hub.stop())?;
    Ok(Section { about: ABOUT.to_owned(), tables })
}

const ABOUT: &str = "The same frames through three clients, each in a process of its own, by turns: this project's (`cockpit-supabase`), \
    `@supabase/realtime-js` 2.119.1 in Node, and the crate `rp-supabase-realtime` 0.12.0. The frames are what a real server (Realtime 2.129.8) said, from \
    the recordings in `crates/supabase/tests/recordings`, repeated; times are medians of 15 interleaved rounds of 10,000 frames after one to warm up. \
    **Decoding** is each library's own decoder (ours `Decoder` and `Row::deserialize`; realtime-js its serializer and `convertChangeData`; the crate \
    `simd_json` into `ProtocolMessage` and `into_change`) and then the application: every payload becomes a struct (ours `Json::get`, the crate's tree into the struct, in JavaScript the object) and every value is brought into its real type and touched, `int8` and \
    `numeric` as far as the library still has their digits, `timestamptz` into an instant, `uuid` into a UUID where the language has one, `bytea` into \
    bytes, `jsonb` into a tree. **To the callback** is everything a client does with a frame on a joined channel. realtime-js gets its frames from a socket object \
    that calls `onmessage` in a loop, without any network, which is the best it can do; beside it stands its time over a loopback websocket, which is how \
    the other two get theirs. A row counts as ahead when ours is faster than every other figure in it. The crate speaks 1.0.0 only and gets the same content in that version.";
