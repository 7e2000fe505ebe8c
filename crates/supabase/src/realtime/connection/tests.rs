//! The machine by tables and by random orders of events.

mod pains;
mod presence;
mod properties;
mod script;
mod storm;
mod tables;
mod world;
