//! The command line of the desktop application.

use std::path::PathBuf;

use clap::Parser;

/// What a person can say when starting `cockpit`.
#[derive(Debug, Parser)]
#[command(name = "cockpit", version, about = "Tasks, projects, money and time for teams, live and offline.")]
pub struct Arguments {
    /// The folder that holds the accounts, workspaces and settings of this process. Default: the place that the
    /// operating system gives to application data.
    #[arg(long, value_name = "DIR", env = "COCKPIT_PROFILE")]
    pub profile: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_profile_can_be_named() {
        let arguments = Arguments::try_parse_from(["cockpit", "--profile", "/tmp/one"]).unwrap();
        assert_eq!(arguments.profile, Some(PathBuf::from("/tmp/one")));
    }

    #[test]
    fn an_unknown_flag_is_refused() {
        assert!(Arguments::try_parse_from(["cockpit", "--profil", "x"]).is_err());
    }
}
