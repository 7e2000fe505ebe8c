//! The client against servers on real sockets, and its decoder against recordings of the real Realtime server.

#[cfg(test)]
mod auth;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod keeper;
#[cfg(test)]
mod pains;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod recordings;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod robust;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod server;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod socket_faults;
#[cfg(test)]
mod support;
