//! Locks on the forms of records.

pub mod wire;
