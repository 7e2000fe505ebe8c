//! A hub as a process of its own, which is this program too, and what the system knows of processes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cockpit_hub::HubFile;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Two busy cores have to make a cluster and start it.
const START: Duration = Duration::from_secs(120);

/// A hub that serves, or did.
pub(crate) struct HubProcess {
    child: Child,
    pub(crate) url: String,
    pub(crate) key: String,
}

impl HubProcess {
    /// Starts one on a folder, on a port or on any, and waits until it serves. What it logs goes to `hub.log` beside its folder.
    pub(crate) async fn start(data: &Path, port: u16, arguments: &[&str]) -> Result<Self> {
        let log = fs::File::options().create(true).append(true).open(data.with_extension("log"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("hub").arg("--data").arg(data).arg("--port").arg(port.to_string()).args(arguments);
        command.env("RUST_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        // Its PostgreSQL shall not hear the terminal's signals.
        command.as_std_mut().process_group(0);
        let mut child = command.spawn().context("the hub cannot be started")?;
        let output = child.stdout.take().context("the hub has no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let serves = async {
            while let Some(line) = lines.next_line().await? {
                if line.starts_with("cockpit-hub serves") {
                    return Ok(());
                }
            }
            bail!("the hub ended; see {}", data.with_extension("log").display())
        };
        tokio::time::timeout(START, serves).await.context("the hub did not start in time")??;
        let file = fs::read(data.join("hub.json"))?;
        let HubFile { url, anon_key, .. } = serde_json::from_slice(&file)?;
        Ok(Self { child, url, key: anon_key })
    }

    /// Its process id, while it lives.
    pub(crate) fn id(&self) -> Result<u32> {
        self.child.id().context("the hub has ended")
    }

    /// Ends it as a power cut would, PostgreSQL left alone.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("the hub could not be killed")
    }

    /// Ends it in good order, its PostgreSQL with it.
    pub(crate) async fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.id()?)?), Signal::SIGTERM)?;
        tokio::time::timeout(START, self.child.wait()).await.context("the hub did not stop in time")??;
        Ok(())
    }
}

/// A folder that PostgreSQL's user can reach.
pub(crate) fn folder() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// What a process weighs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weight {
    /// Resident memory, in bytes.
    pub(crate) resident: u64,
    /// The same with shared pages divided among those who share them.
    pub(crate) proportional: u64,
}

/// The memory of a process now.
pub(crate) fn weight(process: u32) -> Result<Weight> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).context("smaps_rollup in another form")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        anyhow::Ok(kilobytes * 1024)
    };
    Ok(Weight { resident: field("Rss:")?, proportional: field("Pss:")? })
}

/// Processor time that a process has used.
pub(crate) fn processor(process: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name before can hold anything; after its parenthesis the fields are numbers, user and system time the 12th and 13th.
    let (_, fields) = text.rsplit_once(')').context("stat in another form")?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    // Linux counts these in hundredths of a second everywhere.
    Ok(Duration::from_millis(ticks * 10))
}

/// Open files of this process.
pub(crate) fn open_files() -> Result<usize> {
    Ok(fs::read_dir("/proc/self/fd")?.count())
}

/// The server processes of the PostgreSQL in this folder, without its first one.
pub(crate) fn backends(cluster: &Path) -> Result<Vec<i32>> {
    let pid_file: PathBuf = cluster.join("postmaster.pid");
    let text = fs::read_to_string(&pid_file).with_context(|| format!("{} cannot be read", pid_file.display()))?;
    let postmaster = text.lines().next().unwrap_or_default().trim().to_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // It can be gone by now.
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        let parent = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(1).map(str::to_owned));
        if parent.as_deref() == Some(postmaster.as_str()) {
            found.push(process);
        }
    }
    Ok(found)
}
