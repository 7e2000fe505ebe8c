//! What happens to the server or to a client as a whole.

use cockpit_domain::SyncPhase;
use cockpit_sync::Event;
use serde_json::json;
use uuid::Uuid;

use crate::world::{Item, World};

/// The most clients, copies among them.
const MOST_CLIENTS: usize = 6;

impl World {
    pub(crate) fn trouble(&mut self) {
        let at = self.rng.usize(0..self.slots.len());
        let kind = self.rng.u32(0..22);
        self.note(|| format!("trouble {kind} at {at}"));
        match kind {
            0 | 1 => self.backup = Some(self.server.backup()),
            2 | 3 => self.after(0, Item::Restore),
            4 => {
                self.server.prune(2);
                self.count("prunings");
            }
            5 => {
                self.server.replace_logs();
                self.count("replaced logs");
            }
            6 => {
                let (right, user) = (self.rng.bool(), self.slots[at].client.user);
                if self.server.db.members.contains_key(&user) {
                    self.server.set_finance(user, right);
                    self.count(if right { "rights given" } else { "rights withdrawn" });
                }
            }
            7 if self.slots.len() < MOST_CLIENTS => self.copy_file(at),
            8 => {
                self.slots[at].cut_off_until = self.now + self.rng.i64(1_000..6_000);
                let life = self.slots[at].life;
                self.after(1, Item::Deliver { at, life, event: Event::Socket { open: false } });
                self.count("partitions");
            }
            9 => {
                self.deliver(at, Event::SignedOut);
                self.plan_sign_in(at);
                self.count("sessions ended");
            }
            10 | 11 => {
                let rows: Vec<_> =
                    (1..=12).map(|n| (Uuid::from_u128(n), json!({ "name": format!("o{}", self.now) }))).collect();
                self.server.write_many("tasks", &rows);
                self.count("large transactions");
            }
            12 => {
                let user = self.slots[at].client.user;
                if self.server.db.members.len() > 1 && self.server.db.members.contains_key(&user) {
                    self.server.remove(user);
                    self.count("revocations");
                }
            }
            13 => self.let_everybody_in(),
            14 => {
                let path = self.new_path();
                let slot = &mut self.slots[at];
                slot.client.store.save(&path);
                slot.saved = Some((path, slot.watch.clone()));
                self.count("data files saved");
            }
            15 => self.put_file_back(at),
            16 => {
                self.slots[at].client.skew_ms += self.rng.i64(-7_200_000..7_200_000);
                self.count("clock jumps");
            }
            17 => self.sleep(at),
            18 => {
                self.fails_until = self.now + self.rng.i64(200..2_000);
                self.count("server failures");
            }
            19 => {
                self.slow_until = self.now + self.rng.i64(500..3_000);
                self.count("server slow");
            }
            20 => {
                self.slots[at].client.store.set_full(true);
                self.slots[at].client.reopen();
                self.revive(at);
                let after = self.rng.i64(500..3_000);
                self.after(after, Item::Room { at });
                self.count("disks full");
            }
            _ => self.purge_one(),
        }
    }

    fn purge_one(&mut self) {
        let keys = self.server.db.rows.keys().filter(|(tbl, _)| tbl == "tasks");
        let ids: Vec<Uuid> = keys.map(|(_, id)| *id).collect();
        if let Some(id) = self.rng.choice(ids) {
            self.server.purge("tasks", id);
            self.count("purges");
        }
    }

    fn copy_file(&mut self, at: usize) {
        let (path, seed) = (self.new_path(), self.rng.u64(..));
        let copy = self.slots[at].client.copy_to(&path, seed);
        let watch = self.slots[at].watch.clone();
        self.add(copy, watch);
        self.count("data files copied");
    }

    fn put_file_back(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        if let Some((path, watch)) = slot.saved.clone() {
            slot.client.store.put_back(&path);
            slot.client.reopen();
            slot.watch = watch;
            // Times may have passed in which the server went back.
            slot.watch.server_went_back();
            self.revive(at);
            self.count("data files put back");
        }
    }

    fn sleep(&mut self, at: usize) {
        let ms = self.rng.i64(500..4_000);
        let life = self.slots[at].life;
        let slot = &mut self.slots[at];
        slot.asleep_until = self.now + ms;
        // On some systems the monotonic clock stands still meanwhile.
        let stands = self.rng.bool();
        if stands {
            slot.lag_ms += ms;
            slot.client.skew_ms += ms;
        }
        self.after(ms, Item::Deliver { at, life, event: Event::Nudge });
        self.count("sleeps");
    }

    pub(crate) fn make_room(&mut self, at: usize) {
        self.slots[at].client.store.set_full(false);
        self.slots[at].client.reopen();
        self.revive(at);
    }

    pub(crate) fn restore(&mut self) {
        if let Some(backup) = self.backup.take() {
            self.server.restore(backup);
            self.slots.iter_mut().for_each(|slot| slot.watch.server_went_back());
            self.count("restores");
        }
    }

    /// Whoever was put out is asked back, and their clients begin again.
    pub(crate) fn let_everybody_in(&mut self) {
        for at in 0..self.slots.len() {
            let user = self.slots[at].client.user;
            if !self.server.db.members.contains_key(&user) {
                self.server.join(user, user != 2);
                self.count("returns");
            }
            if matches!(self.slots[at].client.phase(), SyncPhase::Removed | SyncPhase::SignInNeeded) {
                self.plan_sign_in(at);
            }
        }
    }
}
