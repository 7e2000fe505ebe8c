//! `cargo xtask supabase`: the migrations as the Supabase CLI wants them.
//!
//! The CLI reads `supabase/migrations/` only and knows a migration by the number before the first `_` alone: a project that
//! already has a 0001 of its own would never get ours, without a word. So each of ours has a fixed 14-digit version.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::Workspace;

/// The day in whose seconds the versions lie. It never changes, because databases remember the versions they were given.
const DAY: &str = "20260101";

/// What a person can say to `cargo xtask supabase`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder of a Supabase project; `supabase/migrations` is made in it when missing. Without it, target/supabase.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Lays the migrations out and says what to do next.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<bool> {
    let project = arguments.out.clone().unwrap_or_else(|| workspace.target("supabase"));
    // The advice begins with `cd`, from wherever the reader then is.
    let project = std::path::absolute(&project).with_context(|| format!("{} is no path", project.display()))?;
    let files = migrations(&workspace.path("migrations"))?;
    let written = lay_out(&files, &project.join("supabase/migrations"))?;
    println!("{} migrations in {} ({written} written)\n", files.len(), project.join("supabase/migrations").display());
    println!("{}", next_steps(&project));
    Ok(true)
}

/// One migration under the name the CLI knows it by.
#[derive(Debug, PartialEq, Eq)]
struct LaidOut {
    name: String,
    sql: String,
}

impl LaidOut {
    /// What the CLI compares: the digits.
    fn version(&self) -> &str {
        version(&self.name)
    }
}

fn version(name: &str) -> &str {
    name.split_once('_').map_or(name, |(version, _)| version)
}

/// `20260101000001_workspaces.sql` for `0001_workspaces.sql`: the number is the second of the day, so that every one of the 9,999
/// gives a real point in time, which the CLI shows, and their order stays.
fn name_for_cli(file: &str) -> Option<String> {
    let (number, name) = file.strip_suffix(".sql")?.split_once('_')?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if number.len() != 4 || !number.bytes().all(|byte| byte.is_ascii_digit()) || !name.bytes().all(plain) {
        return None;
    }
    let second: u32 = number.parse().ok()?;
    let (hours, minutes, seconds) = (second / 3600, second / 60 % 60, second % 60);
    (second > 0 && !name.is_empty()).then(|| format!("{DAY}{hours:02}{minutes:02}{seconds:02}_{name}.sql"))
}

/// All migrations of a folder, in order.
fn migrations(folder: &Path) -> Result<Vec<LaidOut>> {
    let mut files: Vec<LaidOut> = Vec::new();
    for path in files_of(folder)? {
        let file = file_name(&path);
        let name = name_for_cli(&file).with_context(|| {
            format!("{} is no migration: name it with four digits, such as 0010_comments.sql", path.display())
        })?;
        let sql = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        files.push(LaidOut { name, sql: sql.replace("\r\n", "\n") });
    }
    ensure!(!files.is_empty(), "there are no migrations in {}", folder.display());
    for pair in files.windows(2) {
        if let [one, other] = pair
            && one.version() == other.version()
        {
            bail!("two migrations have one number ({} and {}): give the newer one the next", one.name, other.name);
        }
    }
    Ok(files)
}

/// Writes what is not there yet or differs, and answers how many files that were. Files of others stay.
fn lay_out(files: &[LaidOut], folder: &Path) -> Result<usize> {
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    // Everything is checked before anything is written.
    for path in files_of(folder)? {
        let found = file_name(&path);
        if let Some(ours) = files.iter().find(|file| file.version() == version(&found) && file.name != found) {
            bail!(
                "{} has the version of {}, and the CLI would apply only one of them. Remove it if it is an earlier \
                 name of the same migration; else lay the migrations out in another folder with --out.",
                path.display(),
                ours.name
            );
        }
    }
    let mut written = 0;
    for file in files {
        let path = folder.join(&file.name);
        // A file that cannot be read is written, and then says why it cannot.
        if fs::read_to_string(&path).is_ok_and(|sql| sql == file.sql) {
            continue;
        }
        fs::write(&path, &file.sql).with_context(|| format!("{} cannot be written", path.display()))?;
        written += 1;
    }
    Ok(written)
}

/// The paths of a folder's files, sorted by name; hidden ones are no one's migrations.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.is_file() && !file_name(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn next_steps(project: &Path) -> String {
    format!(
        "Next, with the Supabase CLI (version 3; nothing has to be installed first, npx fetches it):\n\
         \n    cd {}\n    npx supabase@3 login\n    npx supabase@3 link --project-ref <the project's reference>\n    \
         npx supabase@3 db push --remote\n\
         \nThe reference is in the address of the project's dashboard. Version 2 of the CLI pushes to the linked project by itself: \
         leave out --remote.\n\
         Has the project migrations of its own? Lay ours out beside them, with --out <the folder that has your supabase folder>, and \
         where some of yours are newer than ours, add --include-all to db push.\n\
         A database without a project: npx supabase@3 db push --remote=<connection URL of role postgres>.\n\
         Schema sync stays out of the exposed schemas (Settings, API): the app calls functions in public.",
        project.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, sql) in files {
            fs::write(folder.path().join(name), sql).unwrap();
        }
        folder
    }

    /// Databases remember these; a change here makes the CLI apply a migration twice.
    #[test]
    fn versions_never_change() {
        let name = |file| name_for_cli(file).unwrap();
        assert_eq!(name("0001_workspaces.sql"), "20260101000001_workspaces.sql");
        assert_eq!(name("0008_realtime_policies.sql"), "20260101000008_realtime_policies.sql");
        assert_eq!(name("0009_editing_locks.sql"), "20260101000009_editing_locks.sql");
        assert_eq!(name("0010_user_scope.sql"), "20260101000010_user_scope.sql");
        assert_eq!(name("0011_work.sql"), "20260101000011_work.sql");
        assert_eq!(name("0012_economics.sql"), "20260101000012_economics.sql");
        assert_eq!(name("0059_a.sql"), "20260101000059_a.sql");
        assert_eq!(name("0060_a.sql"), "20260101000100_a.sql");
        assert_eq!(name("9999_last.sql"), "20260101024639_last.sql");
        let all: Vec<String> = (1..=9999).filter_map(|number| name_for_cli(&format!("{number:04}_a.sql"))).collect();
        assert_eq!(all.len(), 9999);
        assert!(all.is_sorted() && all.windows(2).all(|pair| pair[0] != pair[1]), "the order stays");
    }

    #[test]
    fn a_file_that_is_no_migration_is_refused() {
        for name in ["1_a.sql", "0001a.sql", "0001_.sql", "0001_A.sql", "0000_a.sql", "0001_a.txt", "+001_a.sql"] {
            assert_eq!(name_for_cli(name), None, "{name}");
            assert!(migrations(folder_with(&[(name, "")]).path()).unwrap_err().to_string().contains(name));
        }
        assert!(migrations(folder_with(&[]).path()).is_err(), "nothing laid out is no success");
    }

    #[test]
    fn two_migrations_with_one_number_are_refused() {
        let folder = folder_with(&[("0001_a.sql", ""), ("0009_locks.sql", ""), ("0009_comments.sql", "")]);
        let refused = migrations(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("locks") && refused.contains("comments"), "{refused}");
    }

    #[test]
    fn only_what_differs_is_written_and_files_of_others_stay() {
        let source = folder_with(&[("0002_b.sql", "select 2;\r\n"), ("0001_a.sql", "select 1;\n")]);
        let files = migrations(source.path()).unwrap();
        let project = tempfile::tempdir().unwrap();
        let folder = project.path().join("supabase/migrations");
        assert_eq!(lay_out(&files, &folder).unwrap(), 2);
        assert_eq!(lay_out(&files, &folder).unwrap(), 0);
        let second = folder.join("20260101000002_b.sql");
        assert_eq!(fs::read_to_string(&second).unwrap(), "select 2;\n", "the same text from every checkout");

        let theirs = folder.join("0001_theirs.sql");
        fs::write(&theirs, "select 'theirs';").unwrap();
        fs::write(&second, "select 'old';").unwrap();
        assert_eq!(lay_out(&files, &folder).unwrap(), 1);
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "select 'theirs';");
        assert_eq!(fs::read_to_string(&second).unwrap(), "select 2;\n");
    }

    #[test]
    fn a_version_that_is_taken_is_told_before_anything_is_written() {
        let files = migrations(folder_with(&[("0001_a.sql", "select 1;")]).path()).unwrap();
        let project = folder_with(&[("20260101000001_taken.sql", "")]);
        let refused = lay_out(&files, project.path()).unwrap_err().to_string();
        assert!(refused.contains("taken") && refused.contains("--out"), "{refused}");
        assert!(!project.path().join("20260101000001_a.sql").exists());
    }

    #[test]
    fn the_next_steps_name_the_folder_and_the_commands() {
        let text = next_steps(Path::new("/somewhere"));
        for part in ["cd /somewhere", "supabase@3 link", "supabase@3 db push --remote", "--include-all"] {
            assert!(text.contains(part), "{part}");
        }
    }
}
