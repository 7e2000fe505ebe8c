//! The `cockpit` program. Everything is in the library, so that tests can reach it.

// A release build on Windows must not open a console beside its window.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    cockpit_desktop::main()
}
