//! The machine by tables and by random orders of events.

mod properties;
mod script;
mod tables;
mod world;
