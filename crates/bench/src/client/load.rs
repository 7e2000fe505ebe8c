//! Many plain websockets on one hub: how long a broadcast takes to everybody, how much it bears, what a socket weighs. The sockets are
//! not our client's, so that the generator does as little as it can.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep_until;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::Scale;
use crate::process::{HubProcess, processor, weight};
use crate::stats::{Times, thousands};
use crate::table::Table;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Who is there and how much they say.
#[derive(Debug, Clone, Copy)]
struct Shape {
    topics: usize,
    members: usize,
    /// Broadcasts a second from each socket.
    rate: f64,
    /// Whether a sender's own come back.
    own: bool,
    seconds: u64,
}

/// What became of it.
struct Outcome {
    sent: u64,
    delivered: u64,
    expected: u64,
    closed: usize,
    times: Times,
    /// Of one core.
    hub: f64,
    /// Of one core.
    generator: f64,
    took: Duration,
}

/// Twenty messages a second for every one of 200 sockets, in two shapes.
pub(super) async fn steady(hub: &HubProcess, scale: Scale) -> Result<Table> {
    let mut table = Table::new(
        "200 sockets, 20 messages a second delivered to each",
        &[
            "Shape",
            "Sent/s",
            "Delivered/s",
            "Lost",
            "p50",
            "p99",
            "Slowest",
            "Hub's processor",
            "Generator's processor",
        ],
    );
    let seconds = scale.of(60, 2);
    let shapes = [
        (
            "10 topics of 20, each sends 1/s and gets its own too",
            Shape { topics: 10, members: 20, rate: 1.0, own: true, seconds },
        ),
        ("100 topics of 2, each sends 20/s", Shape { topics: 100, members: 2, rate: 20.0, own: false, seconds }),
    ];
    for (name, shape) in shapes {
        let outcome = run(hub, shape).await?;
        table.row([
            name.to_owned(),
            per_second(outcome.sent, outcome.took),
            per_second(outcome.delivered, outcome.took),
            lost(&outcome),
            outcome.times.shown(50),
            outcome.times.shown(99),
            outcome.times.shown(100),
            core(outcome.hub),
            core(outcome.generator),
        ]);
    }
    table.note(format!(
        "{seconds} s each; from the moment a message was due to be sent until a receiver has it. Goal: nothing lost. Processors are shares of one core; PostgreSQL has nothing to do."
    ));
    Ok(table)
}

/// More and more until the slowest of a hundred take longer than a second.
pub(super) async fn ramp(hub: &HubProcess, scale: Scale) -> Result<Table> {
    let mut table = Table::new(
        "200 sockets in 10 topics of 20, more and more messages",
        &[
            "Each sends",
            "Sent/s",
            "Delivered/s",
            "Lost",
            "Closed by the hub",
            "p50",
            "p99",
            "Hub's processor",
            "Generator's processor",
        ],
    );
    let rates: &[f64] = scale.of(&[5.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0, 120.0, 160.0, 240.0, 320.0], &[5.0]);
    let mut verdict = "The hub kept p99 under a second at every rate tried.".to_owned();
    for rate in rates {
        let shape = Shape { topics: 10, members: 20, rate: *rate, own: false, seconds: scale.of(10, 1) };
        let outcome = run(hub, shape).await?;
        let slow = outcome.times.percentile(99) > Duration::from_secs(1);
        table.row([
            format!("{rate}/s"),
            per_second(outcome.sent, outcome.took),
            per_second(outcome.delivered, outcome.took),
            lost(&outcome),
            outcome.closed.to_string(),
            outcome.times.shown(50),
            outcome.times.shown(99),
            core(outcome.hub),
            core(outcome.generator),
        ]);
        if slow || outcome.closed > 0 || outcome.delivered < outcome.expected {
            verdict = format!(
                "p99 passes 1 s, or messages are lost, at {rate} messages a second from each of 200 sockets, {} delivered a second in all.",
                per_second(outcome.delivered, outcome.took)
            );
            break;
        }
    }
    table.note(format!("{verdict} Generator and hub share the machine's cores; the generator's share says how much of the limit is its own."));
    Ok(table)
}

/// What a joined socket that says nothing costs the hub.
pub(super) async fn idle(hub: &HubProcess, scale: Scale) -> Result<Table> {
    let mut table = Table::new("The hub's memory with idle sockets", &["Sockets", "RSS", "PSS", "PSS for each socket"]);
    let steps: &[usize] = scale.of(&[0, 500, 1_000, 2_000], &[0, 20]);
    let mut sockets = Vec::new();
    let mut empty = None;
    for &count in steps {
        while sockets.len() < count {
            let number = sockets.len();
            sockets.push(open(hub, &format!("idle-{}", number / 20), false).await?);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = weight(hub.id()?)?;
        let empty = *empty.get_or_insert(now.proportional);
        let each = match count {
            0 => String::new(),
            _ => format!("{:.1} KB", now.proportional.saturating_sub(empty) as f64 / 1024.0 / count as f64),
        };
        let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1_048_576.0);
        table.row([thousands(count as f64), megabytes(now.resident), megabytes(now.proportional), each]);
    }
    table.note("Each has joined one channel, twenty to a topic. A hub that has done nothing else, its own process without PostgreSQL; as many plain sockets as the table says.");
    Ok(table)
}

async fn run(hub: &HubProcess, shape: Shape) -> Result<Outcome> {
    let mut sockets = Vec::new();
    for topic in 0..shape.topics {
        for _ in 0..shape.members {
            let topic = format!("load-{topic}");
            sockets.push((open(hub, &topic, shape.own).await?, topic));
        }
    }
    let count = sockets.len();
    let (hub_before, own_before) = (processor(hub.id()?)?, processor(std::process::id())?);
    let begin = Instant::now() + Duration::from_millis(100);
    let end = begin + Duration::from_secs(shape.seconds);
    let pause = Duration::from_secs_f64(1.0 / shape.rate);
    let (mut senders, mut receivers) = (JoinSet::new(), JoinSet::new());
    // Their end is told by the senders', so that no message under way is cut off.
    let stop = Arc::new(tokio::sync::watch::Sender::new(false));
    for (number, (socket, topic)) in sockets.into_iter().enumerate() {
        let (sink, stream) = socket.split();
        let first = begin + pause.mul_f64(number as f64 / count as f64);
        senders.spawn(send(sink, topic, begin, first, pause, end));
        receivers.spawn(receive(stream, begin, stop.subscribe()));
    }
    let (mut sent, mut sinks) = (0, Vec::new());
    while let Some(ended) = senders.join_next().await {
        let (messages, sink) = ended?;
        sent += messages;
        sinks.push(sink);
    }
    let took = begin.elapsed();
    let share = |before: Duration, now: Duration| now.saturating_sub(before).as_secs_f64() / took.as_secs_f64();
    let hub_share = share(hub_before, processor(hub.id()?)?);
    let generator = share(own_before, processor(std::process::id())?);
    let expected = sent * (shape.members as u64 - u64::from(!shape.own));
    // What is still under way gets its time; then the sockets are closed.
    tokio::time::sleep(Duration::from_secs(3)).await;
    stop.send_replace(true);
    let (mut delivered, mut closed, mut times) = (0, 0, Times::default());
    while let Some(ended) = receivers.join_next().await {
        let (arrived, was_closed) = ended?;
        delivered += arrived.len() as u64;
        closed += usize::from(was_closed);
        arrived.into_iter().for_each(|micros| times.push(Duration::from_micros(u64::from(micros))));
    }
    Ok(Outcome { sent, delivered, expected, closed, times, hub: hub_share, generator, took })
}

/// Connects and joins, and waits for the answer.
async fn open(hub: &HubProcess, topic: &str, own: bool) -> Result<Socket> {
    let url = format!("{}/realtime/v1/websocket?apikey={}&vsn=2.0.0", hub.url.replacen("http", "ws", 1), hub.key);
    let (mut socket, _) = connect_async(url).await.context("a socket could not be opened")?;
    if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_nodelay(true)?;
    }
    let join = format!(
        r#"["1","1","realtime:{topic}","phx_join",{{"config":{{"broadcast":{{"ack":false,"self":{own}}},"presence":{{"key":"","enabled":false}},"postgres_changes":[],"private":false}}}}]"#
    );
    socket.send(Message::text(join)).await?;
    loop {
        match socket.next().await.context("the hub closed a socket")?? {
            Message::Text(text) if text.contains("phx_reply") => {
                if text.contains(r#""status":"ok""#) {
                    return Ok(socket);
                }
                bail!("a join was refused: {text}");
            }
            _ => {}
        }
    }
}

async fn send(
    mut sink: SplitSink<Socket, Message>,
    topic: String,
    begin: Instant,
    first: Instant,
    pause: Duration,
    end: Instant,
) -> (u64, SplitSink<Socket, Message>) {
    let (mut due, mut sent, mut beat) = (first, 0, begin + Duration::from_secs(25));
    while due < end {
        sleep_until(due.into()).await;
        let at = due.duration_since(begin).as_micros();
        let frame = format!(
            r#"["1","{sent}","realtime:{topic}","broadcast",{{"type":"broadcast","event":"m","payload":{{"text":"a message between people","at":{at}}}}}]"#
        );
        if sink.send(Message::text(frame)).await.is_err() {
            break;
        }
        sent += 1;
        if due >= beat {
            beat += Duration::from_secs(25);
            if sink.send(Message::text(r#"[null,"b","phoenix","heartbeat",{}]"#)).await.is_err() {
                break;
            }
        }
        due += pause;
    }
    (sent, sink)
}

/// The delays of what came, in microseconds, and whether the hub closed the socket.
async fn receive(
    mut stream: SplitStream<Socket>,
    begin: Instant,
    mut stop: tokio::sync::watch::Receiver<bool>,
) -> (Vec<u32>, bool) {
    let mut delays = Vec::new();
    loop {
        let message = tokio::select! {
            message = stream.next() => message,
            _ = stop.wait_for(|stop| *stop) => return (delays, false),
        };
        let Some(Ok(message)) = message else { return (delays, true) };
        let Message::Text(text) = message else { continue };
        let Some((_, rest)) = text.rsplit_once("\"at\":") else { continue };
        let digits = rest.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(rest.len());
        if let Some(at) = rest.get(..digits).and_then(|digits| digits.parse::<u128>().ok()) {
            let delay = begin.elapsed().as_micros().saturating_sub(at);
            delays.push(u32::try_from(delay).unwrap_or(u32::MAX));
        }
    }
}

fn per_second(count: u64, took: Duration) -> String {
    thousands(count as f64 / took.as_secs_f64())
}

fn lost(outcome: &Outcome) -> String {
    match outcome.expected.saturating_sub(outcome.delivered) {
        0 => "0: reached".to_owned(),
        lost => format!("{} of {}: **missed**", thousands(lost as f64), thousands(outcome.expected as f64)),
    }
}

fn core(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
