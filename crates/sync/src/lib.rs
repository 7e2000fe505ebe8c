//! The sync core: events in, effects out. It owns the outbox, the cursors, the overlay and every decision about when to ask, send, wait or park.
//!
//! **It is sans-IO.** No clock, socket, thread, file or randomness of its own: [`Now`] is passed in, jitter comes from a seed, disk is the [`Store`]
//! trait, the network is [`Effect`]s that a driver performs and answers by [`Event`]s. So the same code runs in the app and in a simulation.
//!
//! **Invariants.**
//! - A step runs inside one transaction of the store: row, overlay, cursor and outbox move together or not at all.
//! - The store is the truth on the screen. Realtime messages only cause pulls; they never change the store themselves.
//! - A cursor never moves back (but for a refetch that the server demands) and never passes a change that was not applied.
//! - An entry leaves the overlay only when the cursor has reached the sequence number of its acknowledgement.
//! - A refetch keeps the screen; what was acknowledged in the former log is sent again under its id, and the server answers without a second effect.
//! - While a session is present there is always a call in flight or an alarm set, so nothing waits for ever.
//! - One batch per device is in flight; numbers are given when an entry is first sent, contiguous, and kept until its fate is known.

pub mod event;
pub mod memory;
mod overlay;
pub mod planted;
pub mod store;
mod time;
pub mod wire;

mod core;
mod edit;
mod outbox;
mod pull;
mod schedule;
mod server_clock;
mod undo;
mod value;

pub use core::{Core, CoreOptions};

pub use event::{CallError, Edit, EditError, Edited, Effect, Event, Undone};
pub use memory::MemoryStore;
pub use store::{OutboxEntry, OutboxState, RecordKey, Store, StoreError, Stored};
pub use time::Now;
