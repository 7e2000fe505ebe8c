//! Presence: who is here, what this device tells of itself, and cursors. Like the core it is sans-IO: every moment is passed in, as milliseconds of
//! a monotonic clock, and nothing is stored.
//!
//! **What is believed.** That somebody on the channel is a member is proven by the channel's policy; which member they say they are is not.
//! Presence is therefore only ever shown, and never decides anything.

mod announcement;
mod pointers;
mod roster;

pub use announcement::{Announcement, Told};
pub use pointers::{PointerBudget, Pointers};
pub use roster::{Announced, Roster};
