//! The client on a network that misbehaves, through every kind of fault once: the short form of `cargo xtask churn`.
//!
//! The program tells why it failed; a run is repeated with the seed that it names: `cockpit-bench churn --smoke --seed N`.

use std::process::Command;

#[test]
fn the_connection_comes_back_after_every_fault_and_nothing_is_lost_in_calm() {
    let seed = std::env::var("CHURN_SEED").unwrap_or_else(|_| "3".to_owned());
    let program = env!("CARGO_BIN_EXE_cockpit-bench");
    let output = Command::new(program).args(["churn", "--smoke", "--seed", &seed]).env("RUST_BACKTRACE", "0").output();
    let output = output.expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let section: serde_json::Value = serde_json::from_slice(&output.stdout).expect("tables");
    let faults = section["tables"][0]["rows"].as_array().expect("rows");
    assert_eq!(faults.len(), 10, "every kind happened: {said}");
}
