//! Secrets against a real keyring on a private bus, and on a system that has none.
//!
//! Each test starts this same program again inside the surroundings it needs; `ROLE` tells the inner one its part.

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::{Command, Output};

    use cockpit_desktop::secrets::SystemSecrets;
    use cockpit_engine::SecretStore;

    const ROLE: &str = "COCKPIT_TEST_ROLE";

    /// Runs the test `name` of this program once for each role, in one session: `before` is what the shell does first.
    fn in_session(home: &Path, before: &str, name: &str, roles: &[&str]) -> Output {
        let mut script = format!("set -e\n{before}\n");
        for role in roles {
            script.push_str(&format!("{ROLE}={role} \"$0\" --exact {name} --nocapture\n"));
        }
        let mut command = Command::new("dbus-run-session");
        command.args(["--", "sh", "-c", &script]).arg(std::env::current_exe().unwrap());
        for (variable, folder) in
            [("HOME", ""), ("XDG_DATA_HOME", "data"), ("XDG_RUNTIME_DIR", "run"), ("XDG_CACHE_HOME", "cache")]
        {
            std::fs::create_dir_all(home.join(folder)).unwrap();
            command.env(variable, home.join(folder));
        }
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").output().unwrap()
    }

    fn role() -> Option<String> {
        std::env::var(ROLE).ok()
    }

    fn assert_success(output: &Output) {
        assert!(
            output.status.success(),
            "{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    #[test]
    fn a_keyring_keeps_secrets_from_one_process_to_the_next_and_apart_by_profile() {
        let one = SystemSecrets::new(Path::new("/profile/one"));
        let two = SystemSecrets::new(Path::new("/profile/two"));
        match role().as_deref() {
            Some("write") => {
                assert_eq!(one.lost_at_exit(), None, "the keyring is usable");
                assert_eq!(one.get("refresh-token a").unwrap(), None);
                one.set("refresh-token a", "first").unwrap();
                one.set("refresh-token a", "second").unwrap();
            }
            Some("read") => {
                assert_eq!(one.get("refresh-token a").unwrap().as_deref(), Some("second"));
                assert_eq!(two.get("refresh-token a").unwrap(), None, "another profile is another device");
                one.remove("refresh-token a").unwrap();
                one.remove("refresh-token a").unwrap();
                assert_eq!(one.get("refresh-token a").unwrap(), None);
            }
            _ => {
                let home = tempfile::tempdir().unwrap();
                let unlock = "printf 'pw\\n' | gnome-keyring-daemon --unlock --components=secrets";
                let name = "tests::a_keyring_keeps_secrets_from_one_process_to_the_next_and_apart_by_profile";
                assert_success(&in_session(home.path(), unlock, name, &["write", "read"]));
            }
        }
    }

    #[test]
    fn without_a_bus_secrets_last_for_this_session_and_the_reason_is_told() {
        if role().is_some() {
            return lasts_for_this_session();
        }
        let home = tempfile::tempdir().unwrap();
        let name = "tests::without_a_bus_secrets_last_for_this_session_and_the_reason_is_told";
        let no_bus = "export DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent";
        assert_success(&in_session(home.path(), no_bus, name, &["alone"]));
    }

    #[test]
    fn a_locked_keyring_is_not_taken_for_an_empty_one() {
        if role().is_some() {
            return lasts_for_this_session();
        }
        let home = tempfile::tempdir().unwrap();
        // Unlocked once, it makes the keyring that the second, which knows no password and has no screen, cannot open.
        let locked = "printf 'pw\\n' | gnome-keyring-daemon --unlock --components=secrets
            gnome-keyring-daemon --replace --components=secrets";
        let name = "tests::a_locked_keyring_is_not_taken_for_an_empty_one";
        assert_success(&in_session(home.path(), locked, name, &["alone"]));
    }

    /// What a person without a usable keyring gets: sign-in works, and they know that it ends with the program.
    fn lasts_for_this_session() {
        let secrets = SystemSecrets::new(Path::new("/profile/one"));
        assert!(secrets.lost_at_exit().is_some_and(|reason| !reason.is_empty()), "the reason is told");
        secrets.set("refresh-token a", "first").unwrap();
        assert_eq!(secrets.get("refresh-token a").unwrap().as_deref(), Some("first"));
    }
}
