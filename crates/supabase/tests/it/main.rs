//! The client against servers on real sockets, and its decoder against recordings of the real Realtime server.

#[cfg(test)]
mod auth;
#[cfg(test)]
mod auth_loopback;
#[cfg(test)]
mod auth_mail;
#[cfg(test)]
mod auth_secrets;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod keeper;
#[cfg(test)]
mod keeper_sign_in;
#[cfg(test)]
mod pains;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod recordings;
#[cfg(test)]
mod rest;
#[cfg(test)]
mod rest_broadcast;
#[cfg(test)]
mod rest_hostile;
#[cfg(test)]
mod rest_query;
#[cfg(test)]
mod rest_quoting;
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
