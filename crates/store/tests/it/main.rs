//! The store and the profile from outside, on real files.

// `cfg(test)` holds in a test file anyway; clippy goes by it when it lets tests use `unwrap`.
#[cfg(test)]
mod backups;
#[cfg(test)]
mod common;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod profile;
#[cfg(test)]
mod records;
