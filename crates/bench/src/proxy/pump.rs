//! One connection through the proxy.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Act, Conditions, Counts};

/// Pieces under way in one direction; when they are this many, nothing more is read.
const UNDER_WAY: usize = 64;
const PIECE: usize = 16 * 1024;
/// A throttled line lets through so often.
const TICKS: u32 = 20;

/// What a connection is carried over.
pub(super) struct Line<'a> {
    pub(super) conditions: watch::Receiver<Conditions>,
    pub(super) counts: &'a Counts,
    pub(super) seed: u64,
}

/// One direction, with what happens to it.
struct Direction<'a> {
    conditions: watch::Receiver<Conditions>,
    counts: &'a Counts,
    random: StdRng,
    frozen: watch::Receiver<bool>,
    garbage: mpsc::Receiver<u16>,
    to_client: bool,
    under_way: VecDeque<(Instant, Vec<u8>)>,
}

impl Line<'_> {
    /// Carries both directions until one side ends or is cut off.
    pub(super) async fn carry(&self, mut client: TcpStream, mut server: TcpStream, mut acts: broadcast::Receiver<Act>) {
        let frozen = watch::Sender::new(false);
        let (garbage, injected) = mpsc::channel(4);
        let (_none, nothing) = mpsc::channel(1);
        let direction = |garbage, to_client| Direction {
            conditions: self.conditions.clone(),
            counts: self.counts,
            random: StdRng::seed_from_u64(self.seed.wrapping_mul(2) + u64::from(to_client)),
            frozen: frozen.subscribe(),
            garbage,
            to_client,
            under_way: VecDeque::new(),
        };
        let (mut up, mut down) = (direction(nothing, false), direction(injected, true));
        let cut = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let (up, down) = (up.run(from_client, to_server), down.run(from_server, to_client));
            tokio::pin!(up, down);
            loop {
                tokio::select! {
                    act = acts.recv() => match act {
                        Ok(Act::Garble(bytes)) => drop(garbage.try_send(bytes)),
                        Ok(Act::Freeze) => {
                            if !frozen.send_replace(true) {
                                Counts::one(&self.counts.frozen);
                            }
                        }
                        Ok(cut) => break Some(cut),
                        // It missed some acts: a cut is as good as any of them.
                        Err(_) => break Some(Act::Reset),
                    },
                    () = &mut up => break None,
                    () = &mut down => break None,
                }
            }
        };
        match cut {
            Some(Act::Reset) => {
                Counts::one(&self.counts.reset);
                reset(&client);
                reset(&server);
            }
            Some(_) => Counts::one(&self.counts.finished),
            None => {}
        }
    }
}

impl Direction<'_> {
    async fn run(&mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) {
        let mut buffer = vec![0; PIECE];
        let mut ended = false;
        loop {
            let due = self.under_way.front().map(|(due, _)| *due);
            if ended && due.is_none() {
                return;
            }
            tokio::select! {
                read = from.read(&mut buffer), if !ended && self.under_way.len() < UNDER_WAY => match read {
                    Ok(0) | Err(_) => ended = true,
                    Ok(length) => self.take(buffer.get(..length).unwrap_or_default()),
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    let Some((_, bytes)) = self.under_way.pop_front() else { continue };
                    if self.give(&mut to, &bytes).await.is_err() {
                        return;
                    }
                }
                Some(length) = self.garbage.recv() => {
                    let mut bytes = vec![0; usize::from(length)];
                    self.random.fill_bytes(&mut bytes);
                    if to.write_all(&bytes).await.is_err() {
                        return;
                    }
                    Counts::one(&self.counts.garbled);
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        if *self.frozen.borrow() {
            self.counts.swallowed_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            return;
        }
        let Conditions { latency, jitter, .. } = *self.conditions.borrow();
        let mut due = Instant::now();
        if !latency.is_zero() || !jitter.is_zero() {
            due += latency + jitter.mul_f64(self.random.random_range(0.0..1.0));
            Counts::one(&self.counts.delayed);
        }
        // Nothing overtakes what was sent before it.
        if let Some((last, _)) = self.under_way.back() {
            due = due.max(*last);
        }
        self.under_way.push_back((due, bytes.to_vec()));
    }

    async fn give(&mut self, to: &mut WriteHalf<'_>, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            let throttle = self.conditions.borrow().throttle.filter(|_| self.to_client);
            let Some(rate) = throttle else { return to.write_all(bytes).await };
            let length = usize::try_from(rate / TICKS).unwrap_or(1).max(1).min(bytes.len());
            let (now, later) = bytes.split_at(length);
            to.write_all(now).await?;
            Counts::one(&self.counts.throttled);
            sleep(Duration::from_secs(1) / TICKS).await;
            bytes = later;
        }
        Ok(())
    }
}

/// Reads and says nothing until the other side gives up.
pub(super) async fn swallow(mut stream: TcpStream, counts: &Counts) {
    let mut buffer = vec![0; PIECE];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        counts.swallowed_bytes.fetch_add(length as u64, Ordering::Relaxed);
    }
}

/// Has the system answer the other side with a reset when the socket is dropped.
pub(super) fn reset(stream: &TcpStream) {
    if stream.set_zero_linger().is_err() {
        // It is closed already, which ends the connection as well.
    }
}
