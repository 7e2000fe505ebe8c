//! Broadcasts from the database: rows of `realtime.messages`, announced after their commit, delivered to who joined their topic.

use std::{collections::HashMap, time::Duration};

use futures_util::{StreamExt, stream};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};
use uuid::Uuid;

use super::broadcast::{Body, Broadcast, Meta};
use crate::{HubError, app::App};

/// Messages read in one go.
const BATCH: usize = 256;
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MOST: Duration = Duration::from_secs(5);
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// `realtime.prune` removes at most so many at once.
const PRUNE_SLICE: i64 = 10_000;

/// Listens until the hub stops, and again after every loss of the connection. What was sent meanwhile is lost to the channels,
/// as with the real server: clients pull.
pub(crate) async fn listen(app: App, config: Config) -> Result<(), HubError> {
    let mut wait = RETRY_FIRST;
    loop {
        let ended = tokio::select! {
            () = app.stopping.cancelled() => return Ok(()),
            ended = session(&app, &config, &mut wait) => ended,
        };
        app.topics.set_listening(false);
        match ended {
            Ok(()) => tracing::warn!("the connection that listens for broadcasts ended; connecting again"),
            Err(error) => tracing::warn!(%error, "listening for broadcasts failed; trying again"),
        }
        tokio::select! {
            () = app.stopping.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY_MOST),
        }
    }
}

async fn session(app: &App, config: &Config, wait: &mut Duration) -> Result<(), HubError> {
    let (client, mut connection) = config.connect(NoTls).await?;
    let (sender, mut announced) = mpsc::channel(BATCH);
    let drive = async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(message) = messages.next().await {
            if let AsyncMessage::Notification(notification) = message? {
                match Uuid::parse_str(notification.payload()) {
                    // While the reader is busy this waits, and PostgreSQL keeps the rest.
                    Ok(id) => _ = sender.send(id).await,
                    Err(_) => tracing::warn!("an announcement named no message"),
                }
            }
        }
        Ok::<_, tokio_postgres::Error>(())
    };
    let deliver = async {
        client.batch_execute("listen realtime_messages").await?;
        app.topics.set_listening(true);
        *wait = RETRY_FIRST;
        let mut ids = Vec::with_capacity(BATCH);
        while announced.recv_many(&mut ids, BATCH).await > 0 {
            deliver(app, &client, &ids).await?;
            ids.clear();
        }
        Ok(())
    };
    // Whichever ends first ends the session: the connection's end also fails the client's next query.
    tokio::select! {
        driven = drive => driven.map_err(HubError::from),
        delivered = deliver => delivered,
    }
}

async fn deliver(app: &App, client: &Client, ids: &[Uuid]) -> Result<(), HubError> {
    let select = "select id, topic, coalesce(event, ''), coalesce(payload, 'null')::text, coalesce(private, false) \
                  from realtime.messages where id = any($1)";
    let mut rows: HashMap<Uuid, _> = HashMap::with_capacity(ids.len());
    for row in client.query(select, &[&ids]).await? {
        rows.insert(row.try_get(0)?, row);
    }
    // In the order of the announcements, which is the order of the commits.
    for id in ids {
        let Some(row) = rows.get(id) else { continue };
        let (topic, event, payload): (&str, &str, &str) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        match serde_json::from_str::<&RawValue>(payload) {
            Ok(payload) => {
                let broadcast = Broadcast::Message { event, meta: Some(Meta { id: *id }), body: Body::Json(payload) };
                app.topics.broadcast(topic, row.try_get(4)?, broadcast);
            }
            Err(error) => tracing::error!(%id, %error, "a message's payload was not JSON"),
        }
    }
    Ok(())
}

/// Removes messages that are older than three days, at the start and then every hour.
pub(crate) async fn prune(app: App) -> Result<(), HubError> {
    loop {
        match prune_once(&app).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "old broadcasts removed"),
            Err(error) => tracing::warn!(%error, "old broadcasts could not be removed"),
        }
        tokio::select! {
            () = app.stopping.cancelled() => return Ok(()),
            () = tokio::time::sleep(PRUNE_EVERY) => {}
        }
    }
}

async fn prune_once(app: &App) -> Result<i64, HubError> {
    let connection = app.database.hub_connection().await?;
    let mut removed = 0;
    loop {
        let slice: i64 = connection.query_one("select realtime.prune()", &[]).await?.try_get(0)?;
        removed += slice;
        if slice < PRUNE_SLICE {
            return Ok(removed);
        }
    }
}
