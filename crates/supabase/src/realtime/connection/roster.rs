//! Who is on one channel: the server's state and differences, folded into what the application is told.
//!
//! What the server says and what was told are two maps. A key that is missing at the server is told gone only after a grace, so that
//! neither a flicker nor a reconnect empties the room; without a rejoin everybody is told gone in the end, so that no ghost stays.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::realtime::PresenceChange;
use crate::realtime::presence::{Presence, PresenceMap};

/// More keys than this are not kept: a channel with as many is not for people.
const MOST_KEYS: usize = 10_000;
/// More differences than this do not wait for the state, which the real server sends within milliseconds of the join.
const MOST_EARLY: usize = 256;

#[derive(Default)]
pub(super) struct Roster {
    /// By the server, as far as it is known.
    said: BTreeMap<String, Vec<Presence>>,
    /// By us, to the application.
    told: BTreeMap<String, Vec<Presence>>,
    /// Keys that are told and not said, and when they are told gone.
    leaving: BTreeMap<String, Instant>,
    /// Whether the present join's state has come.
    known: bool,
    /// Differences that came before the state.
    early: Vec<(PresenceMap, PresenceMap)>,
    /// When everybody is told gone, because nothing is known any more.
    stale_at: Option<Instant>,
}

/// How long absent keys are held.
#[derive(Clone, Copy)]
pub(super) struct Graces {
    pub(super) usual: Duration,
    pub(super) after_rejoin: Duration,
}

impl Roster {
    /// Everybody, as told.
    pub(super) fn told(&self) -> PresenceMap {
        self.told.iter().map(|(key, metas)| (key.clone(), metas.clone())).collect()
    }

    /// The state of the present join has come.
    pub(super) fn state(&mut self, now: Instant, presences: PresenceMap, graces: Graces) -> PresenceChange {
        let grace = if self.stale_at.take().is_some() { graces.after_rejoin } else { graces.usual };
        self.known = true;
        self.said.clear();
        self.apply(presences, Vec::new());
        for (joins, leaves) in std::mem::take(&mut self.early) {
            self.apply(joins, leaves);
        }
        let keys: Vec<String> = self.said.keys().chain(self.told.keys()).cloned().collect();
        self.tell(now, &keys, grace)
    }

    /// Somebody came or went.
    pub(super) fn diff(
        &mut self,
        now: Instant,
        joins: PresenceMap,
        leaves: PresenceMap,
        graces: Graces,
    ) -> PresenceChange {
        if !self.known {
            if self.early.len() < MOST_EARLY {
                self.early.push((joins, leaves));
            } else {
                tracing::debug!("too many presence differences before the state");
            }
            return PresenceChange::default();
        }
        let keys: Vec<String> = joins.iter().chain(&leaves).map(|(key, _)| key.clone()).collect();
        self.apply(joins, leaves);
        self.tell(now, &keys, graces.usual)
    }

    /// The join is over: nothing is known until the next one's state, and not for longer than `stale`.
    pub(super) fn forget(&mut self, now: Instant, stale: Duration) {
        self.known = false;
        self.said.clear();
        self.early.clear();
        if self.stale_at.is_none() && !self.told.is_empty() {
            self.stale_at = Some(now + stale);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.leaving.values().copied().chain(self.stale_at).min()
    }

    /// Tells those gone whose time has come.
    pub(super) fn advance(&mut self, now: Instant) -> PresenceChange {
        let mut change = PresenceChange::default();
        if self.stale_at.is_none() && self.leaving.is_empty() {
            return change;
        }
        if self.stale_at.take_if(|at| now >= *at).is_some() {
            self.leaving.clear();
            change.left = std::mem::take(&mut self.told).into_iter().collect();
            return change;
        }
        self.leaving.retain(|key, at| {
            let stays = now < *at;
            if !stays && let Some(metas) = self.told.remove(key) {
                change.left.push((key.clone(), metas));
            }
            stays
        });
        change
    }

    /// Joins first, then leaves: a presence that replaces another is in both under one key.
    fn apply(&mut self, joins: PresenceMap, leaves: PresenceMap) {
        for (key, metas) in joins {
            if self.said.len() >= MOST_KEYS && !self.said.contains_key(&key) {
                tracing::debug!("too many presences, one is left out");
                continue;
            }
            let present = self.said.entry(key).or_default();
            for meta in metas {
                let replaced =
                    |old: &Presence| old.reference == meta.reference || Some(&old.reference) == meta.previous.as_ref();
                present.retain(|old| !replaced(old));
                present.push(meta);
            }
        }
        for (key, metas) in leaves {
            if let Some(present) = self.said.get_mut(&key) {
                present.retain(|old| metas.iter().all(|gone| gone.reference != old.reference));
            }
        }
        self.said.retain(|_, metas| !metas.is_empty());
    }

    /// Compares what is said of these keys with what was told.
    fn tell(&mut self, now: Instant, keys: &[String], grace: Duration) -> PresenceChange {
        let mut change = PresenceChange::default();
        for key in keys {
            match (self.said.get(key), self.told.get(key)) {
                (Some(said), told) => {
                    self.leaving.remove(key);
                    if told.is_none_or(|told| differ(told, said)) {
                        let kind = if told.is_some() { &mut change.updated } else { &mut change.joined };
                        kind.push((key.clone(), said.clone()));
                    }
                    self.told.insert(key.clone(), said.clone());
                }
                (None, Some(_)) => {
                    self.leaving.entry(key.clone()).or_insert(now + grace);
                }
                (None, None) => {}
            }
        }
        change
    }
}

/// Whether people would see a difference. References are new after each join, which is no news.
fn differ(before: &[Presence], now: &[Presence]) -> bool {
    before.len() != now.len() || before.iter().zip(now).any(|(before, now)| before.payload != now.payload)
}
