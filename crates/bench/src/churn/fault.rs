//! What goes wrong, one thing at a time, and whether it really did.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::sleep;

use super::BOUND;
use super::stage::Stage;
use crate::process::backends;
use crate::proxy::{Act, Conditions, Counts, Door};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Everything arrives later, and not evenly.
    Latency,
    /// Every connection is reset.
    Reset,
    /// Every connection is closed in the middle.
    Close,
    /// Connections stay open and carry nothing more.
    HalfOpen,
    /// Random bytes in the middle of what the client is told.
    Garbage,
    /// The client gets a trickle, and the hub has a reader that does not keep up.
    SlowReader,
    /// Nothing listens.
    Refused,
    /// Connections are accepted and nothing is ever said.
    Silence,
    /// The hub is killed and started again.
    HubKilled,
    /// Every connection that PostgreSQL serves is ended by it.
    Backends,
}

impl Kind {
    /// Each of them.
    pub(super) const ALL: [Self; 10] = [
        Self::Latency,
        Self::Reset,
        Self::Close,
        Self::HalfOpen,
        Self::Garbage,
        Self::SlowReader,
        Self::Refused,
        Self::Silence,
        Self::HubKilled,
        Self::Backends,
    ];

    /// In a table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency of 50 to 250 ms",
            Self::Reset => "connections reset (RST)",
            Self::Close => "connections closed (FIN)",
            Self::HalfOpen => "half-open: nothing forwarded any more",
            Self::Garbage => "garbage bytes in the stream",
            Self::SlowReader => "slow reader: 2,000 bytes/s",
            Self::Refused => "connections refused",
            Self::Silence => "accepted, nothing said",
            Self::HubKilled => "hub killed and restarted",
            Self::Backends => "PostgreSQL's backends terminated",
        }
    }

    /// What is counted as its having happened.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Latency => "pieces delayed",
            Self::Reset | Self::Close => "connections",
            Self::HalfOpen => "bytes swallowed",
            Self::Garbage => "injections",
            Self::SlowReader => "pieces held back",
            Self::Refused => "attempts of the client",
            Self::Silence => "attempts accepted",
            Self::HubKilled => "hubs",
            Self::Backends => "backends",
        }
    }

    /// Does it, and comes back when it is over: the way is free again then. Answers how much of it really happened.
    pub(super) async fn inject(self, stage: &mut Stage, random: &mut StdRng) -> Result<u64> {
        let before = self.occurred(stage);
        let time = Duration::from_millis(random.random_range(800..3_000));
        let set = |stage: &Stage, conditions| stage.proxy.set(conditions);
        match self {
            Self::Latency => {
                let (latency, jitter) = (Duration::from_millis(50), Duration::from_millis(200));
                set(stage, Conditions { latency, jitter, ..Conditions::default() });
                sleep(time).await;
            }
            Self::Reset => stage.proxy.act(Act::Reset),
            Self::Close => stage.proxy.act(Act::Finish),
            Self::HalfOpen => {
                stage.proxy.act(Act::Freeze);
                // New connections work meanwhile; this waits only for something to have been swallowed.
                sleep(Duration::from_millis(300)).await;
            }
            Self::Garbage => stage.proxy.act(Act::Garble(random.random_range(1..200))),
            Self::SlowReader => {
                set(stage, Conditions { throttle: Some(2_000), ..Conditions::default() });
                sleep(time + Duration::from_secs(2)).await;
            }
            Self::Refused => {
                set(stage, Conditions { door: Door::Refusing, ..Conditions::default() });
                stage.proxy.act(Act::Reset);
                self.until_it_happens(stage, before).await;
                sleep(time).await;
            }
            Self::Silence => {
                set(stage, Conditions { door: Door::Silent, ..Conditions::default() });
                stage.proxy.act(Act::Reset);
                // Who waits for an answer then waits on after the door is open again.
                self.until_it_happens(stage, before).await;
                sleep(time).await;
            }
            Self::HubKilled => {
                stage.kill_hub().await?;
                sleep(time / 4).await;
                stage.start_hub().await?;
            }
            Self::Backends => {
                for process in backends(&stage.cluster()).context("PostgreSQL's processes")? {
                    if is_client_backend(process) && kill(Pid::from_raw(process), Signal::SIGTERM).is_ok() {
                        Counts::one(&stage.terminated);
                    }
                }
            }
        }
        stage.proxy.set(Conditions::default());
        // What was done to connections is done by their tasks, a moment later.
        sleep(Duration::from_millis(50)).await;
        Ok(self.occurred(stage).saturating_sub(before))
    }

    /// The client's pauses can be longer than the fault would be.
    async fn until_it_happens(self, stage: &Stage, before: u64) {
        let patience = Instant::now() + BOUND;
        while self.occurred(stage) == before && Instant::now() < patience {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// How much of it has happened since the beginning.
    fn occurred(self, stage: &Stage) -> u64 {
        let counts = stage.proxy.counts();
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        match self {
            Self::Latency => of(&counts.delayed),
            Self::Reset => of(&counts.reset),
            Self::Close => of(&counts.finished),
            Self::HalfOpen => of(&counts.swallowed_bytes),
            Self::Garbage => of(&counts.garbled),
            Self::SlowReader => of(&counts.throttled),
            Self::Refused => of(&stage.refused),
            Self::Silence => of(&counts.silent),
            Self::HubKilled => of(&stage.killed),
            Self::Backends => of(&stage.terminated),
        }
    }
}

/// Whether a process of PostgreSQL serves a connection; its own housekeeping is left alone.
fn is_client_backend(process: i32) -> bool {
    let title = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    title.contains("[local]") || title.contains("127.0.0.1") || title.contains("walsender")
}
