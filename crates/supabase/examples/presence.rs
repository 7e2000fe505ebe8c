//! Enters a room, says who else is there, and sends a broadcast each time somebody comes.
//!
//! `SUPABASE_URL=… SUPABASE_ANON_KEY=… cargo run -p cockpit-supabase --example presence -- Ada`

#![expect(clippy::print_stdout, reason = "an example talks to a terminal")]

use std::env;
use std::error::Error;
use std::sync::Arc;

use cockpit_supabase::realtime::presence::PresenceMap;
use cockpit_supabase::{AnonKey, ChannelSpec, Realtime, RealtimeEvent, RealtimeOptions};
use serde_json::json;

const ROOM: &str = "room";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (url, key) = (env::var("SUPABASE_URL")?.parse()?, env::var("SUPABASE_ANON_KEY")?);
    let name = env::args().nth(1).unwrap_or("somebody".into());

    let (realtime, mut events) = Realtime::spawn(RealtimeOptions::new(url, key.clone()), Arc::new(AnonKey::new(key)));
    realtime.set_channels(vec![ChannelSpec::public(ROOM).presence(&name)]);
    // Kept until the channel is joined, and told again after each reconnect.
    realtime.track(ROOM, json!({ "name": name })).await?;
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            event = events.recv() => match event {
                Some(RealtimeEvent::Presence { change, .. }) => {
                    println!("came: {}; left: {}", names(&change.joined), names(&change.left));
                    println!("here: {}", names(&realtime.presences(ROOM)));
                    if !change.joined.is_empty()
                        && let Err(error) = realtime.broadcast(ROOM, "hello", json!({ "from": name })).await
                    {
                        println!("the greeting was not sent: {error}");
                    }
                }
                Some(RealtimeEvent::Broadcast { event, payload, .. }) => println!("{event} {payload}"),
                Some(other) => println!("{other:?}"),
                None => break,
            },
        }
    }
    realtime.shutdown().await;
    Ok(())
}

fn names(map: &PresenceMap) -> String {
    let keys: Vec<&str> = map.iter().map(|(key, _)| key.as_str()).collect();
    keys.join(", ")
}
