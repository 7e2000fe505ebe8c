//! What happens to the model server as a whole: people come and go, backups are put back, logs are pruned and replaced.

use std::collections::BTreeSet;

use crate::model_server::{Database, ModelServer, User};

impl ModelServer {
    /// Lets a person in.
    pub fn join(&mut self, user: User, finance: bool) {
        self.db.members.insert(user, finance);
    }

    /// Removes a person; the topics move, so that they hear nothing more.
    pub fn remove(&mut self, user: User) {
        self.db.members.remove(&user);
        self.rotate();
    }

    /// Gives or withdraws the right to see money; the topics move.
    pub fn set_finance(&mut self, user: User, right: bool) {
        self.db.members.insert(user, right);
        self.rotate();
    }

    fn rotate(&mut self) {
        for scope in &mut self.db.scopes {
            self.feed.push((format!("fractal:{}:{}:changes", scope.id, scope.feed_key), scope.id, None));
            scope.feed_key += 1;
        }
    }

    /// All data as it is now.
    pub fn backup(&self) -> Database {
        self.db.clone()
    }

    /// Goes back to an earlier state. Members stay as they are, so that this is about data alone.
    pub fn restore(&mut self, backup: Database) {
        let members = std::mem::take(&mut self.db.members);
        self.lost.extend(self.db.effects.keys().filter(|id| !backup.effects.contains_key(id)));
        let kept: BTreeSet<_> = backup.executed.iter().map(|(_, id)| *id).collect();
        self.forgotten.extend(self.db.executed.iter().map(|(_, id)| *id).filter(|id| !kept.contains(id)));
        self.db = backup;
        self.db.members = members;
    }

    /// Forgets what old cursors need.
    pub fn prune(&mut self, keep: i64) {
        for scope in &mut self.db.scopes {
            scope.min_seq = (scope.head() - keep).max(scope.min_seq);
        }
    }

    /// Replaces the logs themselves.
    pub fn replace_logs(&mut self) {
        for scope in &mut self.db.scopes {
            scope.epoch += 1;
            scope.min_seq = 0;
            scope.log.clear();
        }
    }
}
