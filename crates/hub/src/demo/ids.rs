//! The demo's ids: version 7 in form, and the same at every run, so that making the demo again finds its own records.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// 2026-01-05T08:00:00Z in Unix milliseconds: when the demo's first record was "made".
const BEGINNING: u64 = 1_767_600_000_000;

/// Whose numbering an id belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Tenant,
    Ada,
    Ben,
    Client,
    Project,
    Task,
}

/// The id of the record `n` of a kind.
pub(super) fn id(kind: Kind, n: usize) -> Uuid {
    make("record", kind, n)
}

/// The id of the mutation `n` of a person's device.
pub(super) fn mutation(kind: Kind, n: usize) -> Uuid {
    make("mutation", kind, n)
}

fn make(what: &str, kind: Kind, n: usize) -> Uuid {
    let digest = Sha256::digest(format!("{what} {kind:?} {n}"));
    let mut random = [0; 10];
    for (to, from) in random.iter_mut().zip(digest) {
        *to = from;
    }
    let millis = BEGINNING + u64::try_from(n).unwrap_or(0) * 60_000;
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_stable_and_distinct() {
        assert_eq!(id(Kind::Task, 3), id(Kind::Task, 3));
        assert_eq!(id(Kind::Task, 3).get_version_num(), 7);
        assert_ne!(id(Kind::Task, 3), id(Kind::Project, 3));
        assert_ne!(id(Kind::Ada, 3), mutation(Kind::Ada, 3));
        assert!(id(Kind::Task, 3) < id(Kind::Task, 4));
    }
}
