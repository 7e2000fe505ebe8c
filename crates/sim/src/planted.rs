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
pub const BUGS: [Bug; 27] = [
    bug("change-skipped", "a change is passed over, and the cursor moves on"),
    bug("no-idempotency", "the server carries a mutation out again that it has done"),
    bug(
        "ledger-without-ids",
        "the server compares numbers only, and answers a copied device with another one's results",
    ),
    bug("early-acknowledgement", "a change leaves the overlay when it is acknowledged, not when it is pulled"),
    bug("late-delete-ignored", "a purge does not remove the row"),
    bug("feed-trusted-without-pull", "while the feed is joined nothing is pulled without a hint"),
    bug("partial-transaction", "half a transaction is applied"),
    bug("staged-forgotten", "the first half of a transaction is forgotten when the second comes"),
    bug("refetch-drops-outbox", "a bootstrap forgets what is on its way"),
    bug("renumber-keeps-sent", "after a demand to number anew, what was sent keeps its number"),
    bug("fork-keeps-device", "a copied file keeps the device id of the other"),
    bug("acknowledged-not-resent", "what a restored server has forgotten is not sent again"),
    bug("mark-ignored", "the server does not compare marks, so that a restored log goes unnoticed"),
    bug("min-seq-ignored", "the server answers a cursor older than what it keeps with what it still has"),
    bug("gap-in-log", "the server leaves a number out"),
    bug("right-ignored", "the server answers pulls of a scope whose right was withdrawn"),
    bug("scope-loss-keeps-rows", "rows of a scope that is lost stay in the file"),
    bug("bootstrap-target-last", "a bootstrap goes on from the head of its last page, not of its first"),
    bug("swept-nothing", "a bootstrap does not remove what it did not find"),
    bug("duplicate-on-retry", "a change that is sent again gets a new id"),
    bug("stale-answer-taken", "the answer to a call that was given up is taken for the one in flight"),
    bug("clock-from-client", "the machine's clock is taken for the server's"),
    bug("rejection-dropped", "a refused change vanishes and nobody hears of it"),
    bug("notice-twice", "a refusal is told twice"),
    bug("order-by-record", "changes are sent in the order of their records"),
    bug("base-ignored", "the screen shows the confirmed row without what was written on top"),
    bug("failed-lane-stops", "after a failure nothing is tried again"),
];

/// Lets this thread run with a bug; the empty name is none.
pub fn carry(name: &'static str) {
    #[cfg(feature = "planted")]
    cockpit_sync::planted::carry(name);
    assert!(cfg!(feature = "planted") || name.is_empty(), "this build has no planted bugs");
}
