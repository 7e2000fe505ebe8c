//! All locks of a workspace that this device knows: its own by record and window, and those of others.

use std::collections::BTreeMap;

use cockpit_domain::{DeviceId, MemberId};

use crate::{
    locks::{
        LockKey, LockRow, LockState, LostReason,
        own::{Lease, Own, State},
        wire::{HeartbeatAnswer, LockAnswer, LockInfo, LockName},
    },
    store::Stored,
    time::Now,
};

/// How many locks the windows of a device may want at once; far more than there are windows.
const MOST: usize = 256;

/// A call about one lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) key: LockKey,
    pub(crate) window: String,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Lock { take_over: bool },
    Unlock,
}

/// What a person must hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Refused { key: LockKey, holder: MemberId },
    TakenOver { key: LockKey, by: MemberId },
}

#[derive(Debug)]
struct Other {
    lock: LockInfo,
    /// When it ends unless it was renewed since.
    until_ms: i64,
    asked_again: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    own: BTreeMap<(LockKey, String), Own>,
    others: Vec<Other>,
    /// The call about one lock that is in flight.
    call: Option<Call>,
    /// What the heartbeat in flight renews.
    beating: Vec<(LockKey, String, i64)>,
}

impl Locks {
    /// A window begins to change a form.
    pub(crate) fn begin(&mut self, key: LockKey, window: String, take_over: bool) {
        if self.own.len() >= MOST && !self.own.contains_key(&(key, window.clone())) {
            return;
        }
        let own = self.own.entry((key, window)).or_insert_with(Own::wanted);
        let asks_anew = matches!(own.state, State::Refused(_) | State::Lost(_));
        own.ending_ms = None;
        if asks_anew {
            (own.state, own.tries, own.refusal_told) = (State::Wanted, 0, false);
        }
        own.take_over |= take_over && !matches!(own.state, State::Held(_));
    }

    /// A window does not need a lock any more.
    pub(crate) fn end(&mut self, key: LockKey, window: &str, latest_ms: i64) {
        let name = (key, window.to_owned());
        let called = self.call.as_ref().is_some_and(|call| call.key == key && call.window == window);
        if let Some(own) = self.own.get_mut(&name) {
            if own.is_nothing() && !called {
                self.own.remove(&name);
            } else {
                own.ending_ms.get_or_insert(latest_ms);
            }
        }
    }

    /// A window is gone.
    pub(crate) fn end_window(&mut self, window: &str, latest_ms: i64) {
        let keys: Vec<_> = self.own.keys().filter(|(_, of)| of == window).map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| self.end(key, window, latest_ms));
    }

    /// Forgets all of this device's locks; answers those that the server may have.
    pub(crate) fn end_all(&mut self) -> Vec<(LockKey, String)> {
        let called = self.call.take().map(|call| (call.key, call.window));
        self.beating.clear();
        let all = std::mem::take(&mut self.own).into_iter();
        all.filter(|(name, own)| !own.is_nothing() || called.as_ref() == Some(name)).map(|(name, _)| name).collect()
    }

    /// There is no session, or this file is another device now: whatever the server has is not known to be this device's.
    pub(crate) fn forget(&mut self) {
        (self.call, self.beating) = (None, Vec::new());
        self.others.clear();
        self.own.retain(|_, own| own.ending_ms.is_none());
        for own in self.own.values_mut().filter(|own| own.fence().is_some() || matches!(own.state, State::Wanted)) {
            (own.state, own.tries) = (State::Wanted, own.tries.max(1));
        }
    }

    /// Nothing is believed until the server has confirmed it again; answers whether that asks for a heartbeat.
    pub(crate) fn doubt(&mut self, believed: impl Fn(&Lease) -> bool) -> bool {
        let mut any = false;
        for own in self.own.values_mut() {
            if let State::Held(lease) = &own.state
                && !believed(lease)
            {
                own.state = State::Unsure(lease.fence);
                any = true;
            }
        }
        any
    }

    /// The fence that a change of the record carries now. None while it is not certain to be the newest one.
    pub(crate) fn fence(&self, key: LockKey, now: Now) -> Option<i64> {
        if self.call.as_ref().is_some_and(|call| call.key == key) {
            return None;
        }
        self.of(key).find_map(|(_, own)| match &own.state {
            State::Held(lease) if own.ending_ms.is_none() && lease.is_believed(now) => Some(lease.fence),
            _ => None,
        })
    }

    /// Whether this device believes to hold the lock.
    pub(crate) fn is_held(&self, key: LockKey, now: Now) -> bool {
        self.of(key).any(|(_, own)| matches!(&own.state, State::Held(lease) if lease.is_believed(now)))
    }

    fn of(&self, key: LockKey) -> impl Iterator<Item = (&(LockKey, String), &Own)> {
        self.own.range((key, String::new())..).take_while(move |((of, _), _)| *of == key)
    }

    /// The next call about a single lock. `unsent` tells whether changes that were written under a lock on it are still on their way: a new
    /// lease would fence them off, and a release would let somebody else do that.
    pub(crate) fn next_call(&self, now: Now, unsent: impl Fn(LockKey) -> Stored<bool>) -> Stored<Option<Call>> {
        let mut own: Vec<_> = self.own.iter().collect();
        own.sort_by_key(|(_, own)| own.tries);
        for ((key, window), own) in own {
            let what = match own.ending_ms {
                Some(latest) if latest <= now.mono_ms || !unsent(*key)? => What::Unlock,
                None if matches!(own.state, State::Wanted) => {
                    let take_over = own.take_over;
                    let from_self = self.of(*key).any(|(_, other)| other.fence().is_some());
                    if (from_self || !take_over) && unsent(*key)? {
                        continue;
                    }
                    What::Lock { take_over }
                }
                _ => continue,
            };
            return Ok(Some(Call { key: *key, window: window.clone(), what }));
        }
        Ok(None)
    }

    /// A call about a single lock begins. From then on one that is being released is not counted on, whatever becomes of the call.
    pub(crate) fn called(&mut self, call: Call) {
        if call.what == What::Unlock
            && let Some(own) = self.own.get_mut(&(call.key, call.window.clone()))
        {
            (own.state, own.tries) = (State::Wanted, own.tries.max(1));
        }
        self.call = Some(call);
    }

    /// The answer to `lock_record`, or `None` when there was none.
    pub(crate) fn locked(&mut self, answer: Option<&LockAnswer>, begun: Now, now: Now) -> Option<News> {
        let call = self.call.take()?;
        let name = (call.key, call.window);
        let own = self.own.get_mut(&name)?;
        let Some(answer) = answer else {
            own.tries = own.tries.saturating_add(1);
            return None;
        };
        own.tries = 0;
        if !answer.granted {
            own.take_over = false;
            own.state = State::Refused(answer.lock.member);
            let told = std::mem::replace(&mut own.refusal_told, true);
            if own.ending_ms.is_some() {
                self.own.remove(&name);
                return None;
            }
            return (!told).then_some(News::Refused { key: name.0, holder: answer.lock.member });
        }
        let lease = Lease::new(&answer.lock, begun);
        own.state = if lease.is_believed(now) { State::Held(lease) } else { State::Unsure(lease.fence) };
        (own.take_over, own.refusal_told) = (false, false);
        let by = answer.lock.member;
        let mut news = None;
        for ((key, _), other) in self.own.iter_mut().filter(|((key, window), _)| *key == name.0 && *window != name.1) {
            if other.fence().is_some() {
                other.state = State::Lost(LostReason::TakenOver { by });
                news = Some(News::TakenOver { key: *key, by });
            }
        }
        news
    }

    /// The answer to `unlock_record`; `answered` is false when there was none.
    pub(crate) fn unlocked(&mut self, answered: bool, now: Now) {
        let Some(call) = self.call.take() else { return };
        let name = (call.key, call.window);
        if let Some(own) = self.own.get_mut(&name)
            && let Some(latest) = own.ending_ms
        {
            own.tries = own.tries.saturating_add(1);
            if answered || latest <= now.mono_ms {
                self.own.remove(&name);
            }
        }
    }

    /// What a heartbeat is to renew.
    pub(crate) fn to_beat(&self) -> Vec<(LockKey, String, i64)> {
        let held = self.own.iter().filter_map(|((key, window), own)| Some((*key, window.clone(), own.fence()?)));
        held.collect()
    }

    pub(crate) fn beats(&mut self, beating: Vec<(LockKey, String, i64)>) -> Vec<LockName> {
        let name = |(key, _, fence): &(LockKey, String, i64)| LockName {
            record_type: key.record_type.to_owned(),
            record_id: key.record,
            fence: Some(*fence),
        };
        let names = beating.iter().map(name).collect();
        self.beating = beating;
        names
    }

    /// The answer to `lock_heartbeat`.
    pub(crate) fn beaten(&mut self, answer: &HeartbeatAnswer, device: DeviceId, begun: Now, now: Now) -> Vec<News> {
        let mut news = Vec::new();
        for (key, window, fence) in std::mem::take(&mut self.beating) {
            let name = (key, window);
            let Some(own) = self.own.get_mut(&name).filter(|own| own.fence() == Some(fence)) else { continue };
            let lock = answer.locks.iter().find(|lock| key.is_of(lock));
            // The fence may have risen by a call of this very window whose answer was lost.
            let is_ours = |lock: &&LockInfo| lock.device == device && lock.window == name.1 && lock.fence >= fence;
            if let Some(lock) = lock.filter(is_ours) {
                let lease = Lease::new(lock, begun);
                own.state = if lease.is_believed(now) { State::Held(lease) } else { State::Unsure(lock.fence) };
            } else if own.ending_ms.is_some() {
                self.own.remove(&name);
            } else if let Some(lock) = lock {
                own.state = State::Lost(LostReason::TakenOver { by: lock.member });
                news.push(News::TakenOver { key, by: lock.member });
            } else {
                // It has expired, and nobody has it: it is asked for again.
                (own.state, own.tries) = (State::Wanted, 1);
            }
        }
        self.seen(&answer.locks, device, now);
        news
    }

    /// Takes the live locks as the server told of them. What was refused because of one that is gone is asked for again.
    pub(crate) fn seen(&mut self, locks: &[LockInfo], device: DeviceId, now: Now) {
        for ((key, _), own) in &mut self.own {
            if matches!(own.state, State::Refused(_)) && !locks.iter().any(|lock| key.is_of(lock)) {
                own.state = State::Wanted;
            }
        }
        let other = |lock: &LockInfo| Other {
            lock: lock.clone(),
            until_ms: now.mono_ms.saturating_add(lock.expires_in_ms),
            asked_again: false,
        };
        self.others = locks.iter().filter(|lock| lock.device != device).map(other).collect();
    }

    /// Whether one of the others' locks has ended as far as this device knows, so that a pull should tell. One that no pull tells of in
    /// `grace_ms` is shown no longer.
    pub(crate) fn others_ended(&mut self, now: Now, grace_ms: i64) -> bool {
        let mut ended = false;
        self.others.retain_mut(|other| {
            if other.until_ms > now.mono_ms {
                return true;
            }
            if other.asked_again {
                return false;
            }
            (other.asked_again, other.until_ms, ended) = (true, now.mono_ms.saturating_add(grace_ms), true);
            true
        });
        ended
    }

    /// When something happens by time alone.
    pub(crate) fn wake_ms(&self, now: Now) -> Option<i64> {
        let own = self.own.values().flat_map(|own| {
            let until = if let State::Held(lease) = &own.state { Some(lease.until_ms) } else { None };
            [until, own.ending_ms]
        });
        own.flatten().chain(self.others.iter().map(|other| other.until_ms)).filter(|ms| *ms > now.mono_ms).min()
    }

    /// Everything that a window may show, this device's own first.
    pub(crate) fn rows(&self, device: DeviceId) -> Vec<LockRow> {
        let wanted = self.own.iter().filter(|(_, own)| own.ending_ms.is_none());
        let own = wanted.map(|((key, window), own)| {
            let lease = if let State::Held(lease) = &own.state { Some(lease) } else { None };
            LockRow {
                record_type: key.record_type.to_owned(),
                record: key.record,
                window: window.clone(),
                device,
                member: lease.map(|lease| lease.member),
                mine: true,
                state: own.shown(),
                since: lease.map(|lease| lease.since.clone()),
            }
        });
        let others = self.others.iter().map(|Other { lock, .. }| LockRow {
            record_type: lock.record_type.clone(),
            record: lock.record_id,
            window: lock.window.clone(),
            device: lock.device,
            member: Some(lock.member),
            mine: false,
            state: LockState::Held,
            since: Some(lock.locked_at.clone()),
        });
        own.chain(others).collect()
    }
}
