//! Bugs that are put in on purpose, to prove that the simulation finds such ones. They sit in the code under test as `planted!("name")`, and in the model
//! server where the bug is a server's. Only the feature `planted` compiles them in.

/// A bug.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// What it is called at its place.
    pub name: &'static str,
    /// What is wrong then.
    pub what: &'static str,
}

const fn bug(name: &'static str, what: &'static str) -> Bug {
    Bug { name, what }
}

/// Every bug.
pub const BUGS: [Bug; 24] = [
    bug("cursor-skips-ahead", "the cursor is set to the head that an answer names, whatever was applied"),
    bug("no-idempotency", "the server carries a mutation out again that it has done"),
    bug(
        "ledger-without-ids",
        "the server compares numbers only, and a copied device is answered with another one's results",
    ),
    bug("early-acknowledgement", "a change leaves the overlay when it is acknowledged, not when it is pulled"),
    bug("late-delete-ignored", "a purge does not remove the row"),
    bug("feed-trusted", "a hint moves the cursor without a pull"),
    bug("partial-transaction", "half a transaction is applied"),
    bug("refetch-drops-outbox", "a bootstrap forgets what was acknowledged in the former log"),
    bug("renumber-keeps-sent", "after a demand to number anew, what was sent keeps its number"),
    bug("mark-ignored", "the server does not compare marks, so a restored log goes unnoticed"),
    bug("min-seq-ignored", "the server answers a cursor older than what it keeps with what it still has"),
    bug("dependants-sent", "changes behind a refused one are sent"),
    bug("scope-loss-keeps-rows", "rows of a scope that is lost stay"),
    bug("older-version-overwrites", "a row is taken whatever version is there"),
    bug("duplicate-on-retry", "a change that is sent again gets a new id"),
    bug("clock-from-client", "the machine's clock is taken for the server's"),
    bug("removal-forgotten", "the server unites sets without what was removed"),
    bug("swept-nothing", "a bootstrap does not remove what it did not find"),
    bug("rejection-dropped", "a refused change vanishes and nobody hears of it"),
    bug("notice-twice", "a refusal is told twice"),
    bug("staged-forgotten", "the first half of a transaction is forgotten when the second comes"),
    bug("order-by-record", "changes are sent in the order of their records"),
    bug("base-ignored", "the overlay shows the confirmed row and not what was written on top"),
    bug("failed-lane-stops", "after a failure nothing is tried again"),
];

/// Lets this thread run with a bug; the empty name is none.
pub fn carry(name: &'static str) {
    #[cfg(feature = "planted")]
    cockpit_sync::planted::carry(name);
    assert!(cfg!(feature = "planted") || name.is_empty(), "this build has no planted bugs");
}
