//! Signing in: finding out what stands at an address, whether it fits this app, who the person is and where they belong.

mod address;
mod connection;
mod failure;
mod probe;
mod trust;

pub(crate) use address::complete;
pub(crate) use connection::{Connection, Membership, Server, SignIn};
pub(crate) use failure::{call_error, internal, sign_in_needed};
pub(crate) use probe::{NETWORK_TIMEOUT, Probed, find};
pub(crate) use trust::Trust;
