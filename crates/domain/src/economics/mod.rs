//! Money and hours.
