//! Follows the changes of a table and prints them.
//!
//! `SUPABASE_URL=… SUPABASE_ANON_KEY=… SUPABASE_EMAIL=… SUPABASE_PASSWORD=… cargo run -p cockpit-supabase --example realtime -- public tasks`
//!
//! Without an address of a user it joins as the anonymous one.

#![expect(clippy::print_stdout, reason = "an example talks to a terminal")]

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cockpit_supabase::realtime::change::{Row, Subject};
use cockpit_supabase::realtime::protocol::Binding;
use cockpit_supabase::{
    AnonKey, ChannelSpec, Client, ClientOptions, KeeperOptions, MemoryStorage, Realtime, RealtimeEvent,
    RealtimeOptions, SessionKeeper, TokenSource,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (url, key) = (env::var("SUPABASE_URL")?.parse()?, env::var("SUPABASE_ANON_KEY")?);
    let mut arguments = env::args().skip(1);
    let (schema, table) = (arguments.next().unwrap_or("public".into()), arguments.next().unwrap_or("tasks".into()));

    let client = Client::new(ClientOptions { url, anon_key: key.clone(), timeout: Duration::from_secs(20) })?;
    let tokens: Arc<dyn TokenSource> = match (env::var("SUPABASE_EMAIL"), env::var("SUPABASE_PASSWORD")) {
        (Ok(email), Ok(password)) => {
            let storage = Arc::new(MemoryStorage::default());
            let keeper = SessionKeeper::new(client.clone(), storage, KeeperOptions::default());
            keeper.sign_in_with_password(&email, &password).await?;
            Arc::new(keeper)
        }
        _ => Arc::new(AnonKey::new(key.clone())),
    };

    let (realtime, mut events) = Realtime::spawn(RealtimeOptions::new(client.url().clone(), key), tokens);
    realtime.set_channels(vec![ChannelSpec::public("changes").changes(Binding::table(schema, table))]);
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            event = events.recv() => match event {
                Some(event) => tell(&event),
                None => break,
            },
        }
    }
    realtime.shutdown().await;
    Ok(())
}

fn tell(event: &RealtimeEvent) {
    match event {
        RealtimeEvent::Disconnected { reason, retry_in } => println!("disconnected: {reason}; again in {retry_in:?}"),
        RealtimeEvent::Joined { .. } => println!("joined: what is in the table has to be read now"),
        RealtimeEvent::Ready { .. } => println!("ready: changes are delivered from now on; read once more"),
        RealtimeEvent::ReadAgain { .. } => println!("time to read again, in case the database was restarted"),
        RealtimeEvent::Refused { reason, .. } => println!("refused: {reason}"),
        RealtimeEvent::BindingsRefused { reason, .. } => println!("no changes: {reason}"),
        RealtimeEvent::PostgresChange { change, .. } => match change.subject() {
            Subject::Row(row) => println!("{:?} {}", change.kind, columns(row)),
            Subject::Part(row) => println!("{:?} {} and more that was too large", change.kind, columns(row)),
            Subject::Deleted(key) => println!("a row is gone that was identified by {}", columns(key)),
            Subject::Withheld => println!("{:?} of a row that may not be seen", change.kind),
        },
        other => println!("{other:?}"),
    }
}

fn columns(row: &Row) -> String {
    let columns: Vec<String> = row.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    columns.join(" ")
}
