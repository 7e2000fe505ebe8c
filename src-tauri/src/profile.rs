//! Where the data directory of this process lies. The engine opens and locks it; one process uses a profile at a time.

use std::path::PathBuf;

use directories::ProjectDirs;

/// The folder a person named, or the place that the operating system gives to application data.
///
/// # Errors
/// When none was named and the system knows no home for this user.
pub fn directory(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let directory = match named {
        Some(directory) => directory,
        None => ProjectDirs::from("dev", "cockpit", "Cockpit").map(|dirs| dirs.data_dir().to_path_buf()).ok_or_else(
            || anyhow::anyhow!("no home directory is known for this user; name a folder with --profile DIR"),
        )?,
    };
    // The web view's folder is derived from this one, and a relative one would move with the working directory.
    Ok(std::path::absolute(directory)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_folder_becomes_absolute() {
        let directory = directory(Some(PathBuf::from("some/profile"))).unwrap();
        assert!(directory.is_absolute() && directory.ends_with("some/profile"), "{}", directory.display());
    }
}
