//! Debian and Ubuntu: packages through apt, as root or with a sudo that asks for no password.

use std::collections::HashSet;
use std::process::Command;

use anyhow::{Result, bail};

use super::Purpose;
use super::needs::{Need, needs};
use crate::process::{answer, is_installed, run_logged};
use crate::workspace::Workspace;

/// Whether this system installs with apt.
pub(crate) fn is_here() -> bool {
    is_installed("apt-get") && is_installed("dpkg-query")
}

/// Installs what is missing; touches nothing, not even the package lists, when nothing is.
pub(crate) fn install(workspace: &Workspace, purpose: Purpose, title: &str) -> Result<String> {
    let installed = installed_packages();
    let missing = missing(&needs(purpose), &installed);
    if missing.is_empty() {
        return Ok("nothing is missing".to_owned());
    }
    let Some(prefix) = privilege() else {
        bail!(
            "These packages are missing, and this user may not install them without a password:\n\n    {}\n\n\
             Run that line, then this command again.",
            by_hand(&missing)
        );
    };

    let apt = |title: &str, arguments: &[&str]| {
        let mut words = prefix.to_vec();
        words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-q"]);
        words.extend(arguments);
        let program = words.remove(0);
        let log = workspace.target(format!("xtask/apt-{}.log", arguments.first().copied().unwrap_or_default()));
        run_logged(title, &mut workspace.command(program, &words), &log)
    };
    let update = || {
        let updated = apt(&format!("{title}: reading the package lists"), &["update"])?;
        if !updated.success {
            bail!("apt-get update failed:\n{}\nCheck the network and /etc/apt/sources.list.", updated.tail());
        }
        Ok(())
    };

    let mut fresh = false;
    let mut names = package_names(&missing);
    if names.iter().any(|name| !has_candidate(name)) {
        update()?;
        fresh = true;
        names = package_names(&missing);
    }
    let unknown: Vec<&String> = names.iter().filter(|name| !has_candidate(name)).collect();
    if !unknown.is_empty() {
        bail!(
            "This system's package sources do not have: {unknown:?}. Enable its full archive (on Ubuntu `universe`), \
             or install them from elsewhere (Chromium or Google Chrome for `chromium`), then run this command again."
        );
    }

    let install: Vec<&str> =
        ["install", "--no-install-recommends"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let what = format!("{title}: installing {} packages and what they need", names.len());
    let mut finished = apt(&what, &install)?;
    if !finished.success && !fresh {
        // Package lists that are older than the archive name files that are gone.
        update()?;
        finished = apt(&what, &install)?;
    }
    if !finished.success {
        bail!("apt-get failed:\n{}\nRun it by hand to see more:\n\n    {}", finished.tail(), by_hand(&missing));
    }
    Ok(format!("installed {}", names.join(" ")))
}

/// The words before `apt-get`: none for root, `sudo -n` where that works, and `None` where neither does.
fn privilege() -> Option<&'static [&'static str]> {
    if answer(Command::new("id").arg("-u"))?.trim() == "0" {
        return Some(&[]);
    }
    answer(Command::new("sudo").args(["-n", "true"])).map(|_| ["sudo", "-n"].as_slice())
}

fn installed_packages() -> HashSet<String> {
    let list = answer(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status} ${Package}\n"]));
    list.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("installed ")).map(str::to_owned).collect()
}

fn missing(needs: &[Need], installed: &HashSet<String>) -> Vec<Need> {
    let is_missing = |need: &&Need| match need {
        Need::Package(name) => !installed.contains(*name),
        Need::Program(programs, package) => {
            !installed.contains(*package) && !programs.iter().any(|program| is_installed(program))
        }
        Need::PgTap => !installed.iter().any(|name| is_pgtap(name)),
    };
    needs.iter().filter(is_missing).copied().collect()
}

fn package_names(needs: &[Need]) -> Vec<String> {
    let name = |need: &Need| match need {
        Need::Package(name) | Need::Program(_, name) => (*name).to_owned(),
        Need::PgTap => newest_pgtap(
            &answer(Command::new("apt-cache").args(["search", "--names-only", "pgtap"])).unwrap_or_default(),
        ),
    };
    needs.iter().map(name).collect()
}

/// The package for the newest PostgreSQL in the archive, which is the one that `postgresql` depends on.
fn newest_pgtap(search: &str) -> String {
    let names = search.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| is_pgtap(name));
    let newest = names.max_by_key(|name| name.split('-').nth(1).and_then(|major| major.parse::<u32>().ok()));
    newest.map_or_else(|| "postgresql-pgtap".to_owned(), str::to_owned)
}

fn is_pgtap(name: &str) -> bool {
    let major = name.strip_prefix("postgresql-").and_then(|rest| rest.strip_suffix("-pgtap"));
    major.is_some_and(|major| !major.is_empty() && major.chars().all(|digit| digit.is_ascii_digit()))
}

fn has_candidate(package: &str) -> bool {
    let policy = answer(Command::new("apt-cache").args(["policy", package]).env("LC_ALL", "C")).unwrap_or_default();
    policy.lines().any(|line| line.trim().strip_prefix("Candidate: ").is_some_and(|version| version != "(none)"))
}

fn by_hand(missing: &[Need]) -> String {
    format!("sudo apt-get update && sudo apt-get install --no-install-recommends {}", package_names(missing).join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_there_is_missing() {
        let needs = [Need::Package("a"), Need::Package("b"), Need::PgTap, Need::Program(&["no-such-program"], "c")];
        let installed = ["a", "postgresql-15-pgtap"].map(str::to_owned).into();
        assert_eq!(missing(&needs, &installed), [Need::Package("b"), Need::Program(&["no-such-program"], "c")]);
    }

    #[cfg(unix)]
    #[test]
    fn any_of_several_programs_will_do() {
        let needs = [Need::Program(&["no-such-program", "sh"], "c")];
        assert_eq!(missing(&needs, &HashSet::new()), []);
    }

    #[test]
    fn pgtap_is_taken_for_the_newest_postgres() {
        let search =
            "pgtap - meta\npgtap-doc - doc\npostgresql-9-pgtap - x\npostgresql-15-pgtap - x\nlibtap-pgtap-perl - x";
        assert_eq!(newest_pgtap(search), "postgresql-15-pgtap");
    }
}
