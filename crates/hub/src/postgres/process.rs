//! The server process: made, taken over from a killed run, started, watched and stopped.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{process::Child, time::Instant};
use tokio_postgres::{NoTls, error::SqlState};

use super::{
    Address, DATABASE, PostgresOptions, SUPERUSER,
    binaries::Binaries,
    error::PostgresError,
    folder::{Account, Folder},
};

/// A recovery after a crash can take long; a server that says it is starting up gets this much.
const START_LIMIT: Duration = Duration::from_secs(120);
const FAST_STOP: Duration = Duration::from_secs(15);
const IMMEDIATE_STOP: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(15);
const ORPHANS_LIMIT: Duration = Duration::from_secs(15);
const ORPHANS_RETRY: Duration = Duration::from_millis(200);
const MEMORY_IN_USE: &str = "pre-existing shared memory block";
/// The number in the socket's name when there is no TCP port.
const SOCKET_NUMBER: u16 = 5432;
/// Another program can take the free port between its choice and its use.
const PORT_TRIES: usize = 5;

/// A server that this process started. Dropping it stops it at once; the next start recovers from its log.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
}

pub(super) async fn initdb(
    folder: &Folder,
    binaries: &Binaries,
    password: &str,
    fsync: bool,
) -> Result<(), PostgresError> {
    folder.clear_unfinished()?;
    let password_file = folder.write_for_account("initdb-password", password)?;
    let mut command = command(folder.account(), binaries, "initdb");
    command.arg("-D").arg(folder.cluster()).arg("--pwfile").arg(&password_file).args([
        "--username",
        SUPERUSER,
        "--auth",
        "scram-sha-256",
        "--encoding",
        "UTF8",
        // The same order of text on every machine; what people see is sorted by the client.
        "--locale",
        "C",
    ]);
    if !fsync {
        command.arg("--no-sync");
    }
    let output = output(command, folder).await;
    // Gone whatever initdb said.
    std::fs::remove_file(&password_file).map_err(|source| PostgresError::io(password_file, source))?;
    let output = output?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(classify("initdb", &words, folder, 0));
    }
    folder.mark_made()
}

/// Stops what an earlier, killed process left running. The caller holds the lock on the folder, so no living one is hit.
pub(super) async fn take_over(folder: &Folder, binaries: &Binaries) -> Result<(), PostgresError> {
    let pid_file = folder.cluster().join("postmaster.pid");
    let Some(pid) = left_pid(folder)? else { return Ok(()) };
    if runs_here(pid, folder) {
        tracing::warn!(pid = pid.as_raw(), "stopping the PostgreSQL that an earlier run left");
        for mode in ["fast", "immediate"] {
            let mut stop = command(folder.account(), binaries, "pg_ctl");
            stop.arg("-D").arg(folder.cluster()).args(["stop", "-w", "-t", "15", "-m", mode]);
            if output(stop, folder).await?.status.success() {
                return Ok(());
            }
        }
        if runs_here(pid, folder) {
            return Err(PostgresError::Stuck { pid: pid.as_raw() });
        }
    }
    // The id may belong to another program by now, which PostgreSQL could not tell from a living server.
    match std::fs::remove_file(&pid_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(PostgresError::io(pid_file, error)),
        _ => Ok(()),
    }
}

/// Where the server that another process runs in the folder listens.
pub(super) fn running_address(folder: &Folder) -> Result<Address, PostgresError> {
    let not_running = || PostgresError::NotRunning(folder.cluster());
    let pid = left_pid(folder)?.ok_or_else(not_running)?;
    if !runs_here(pid, folder) {
        return Err(not_running());
    }
    // Lines: pid, data folder, start, port, socket folder, first TCP address.
    let text = read_pid_file(folder)?.ok_or_else(not_running)?;
    let line = |number: usize| text.lines().nth(number).map(str::trim).unwrap_or_default();
    Ok(Address {
        port: line(3).parse().map_err(|_| not_running())?,
        socket_folder: Some(line(4)).filter(|path| !path.is_empty()).map(PathBuf::from),
        tcp: !line(5).is_empty(),
    })
}

pub(super) fn config(address: &Address, user: &str, database: &str, password: &str) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    config.port(address.port).user(user).dbname(database).password(password).connect_timeout(Duration::from_secs(10));
    match &address.socket_folder {
        Some(folder) => config.host_path(folder),
        None => config.host("127.0.0.1"),
    };
    config
}

impl Server {
    pub(super) async fn start(
        folder: &Folder,
        binaries: &Binaries,
        options: &PostgresOptions,
        password: &str,
    ) -> Result<(Self, Address), PostgresError> {
        let socket_folder = folder.socket_folder();
        let wanted = match (options.tcp_port, &socket_folder) {
            (None, Some(_)) => None,
            (None, None) => Some(0),
            (wanted, _) => wanted,
        };
        let mut tries = 0;
        let orphans_gone = Instant::now() + ORPHANS_LIMIT;
        loop {
            tries += 1;
            let port = match wanted {
                Some(0) => free_port()?,
                Some(port) => port,
                None => SOCKET_NUMBER,
            };
            let address = Address { socket_folder: socket_folder.clone(), port, tcp: wanted.is_some() };
            match Self::start_at(folder, binaries, options, &address, password).await {
                Err(PostgresError::PortInUse(_)) if wanted == Some(0) && tries < PORT_TRIES => {}
                // The sessions of a server that was itself killed notice that within moments, and then let go of its memory.
                Err(PostgresError::Failed { reason, .. })
                    if reason.contains(MEMORY_IN_USE) && Instant::now() < orphans_gone =>
                {
                    tokio::time::sleep(ORPHANS_RETRY).await;
                }
                Err(error) => return Err(error),
                Ok(server) => return Ok((server, address)),
            }
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    pub(super) async fn ended(&mut self) {
        match self.child.wait().await {
            Ok(status) => tracing::error!(%status, "PostgreSQL ended"),
            Err(error) => tracing::error!(%error, "PostgreSQL cannot be watched"),
        }
    }

    pub(super) async fn stop(mut self) -> Result<(), PostgresError> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        for (signal, limit) in
            [(Signal::SIGINT, FAST_STOP), (Signal::SIGQUIT, IMMEDIATE_STOP), (Signal::SIGKILL, IMMEDIATE_STOP)]
        {
            self.signal(signal);
            match tokio::time::timeout(limit, self.child.wait()).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => return Err(PostgresError::Connection(error.to_string())),
                Err(_) => tracing::warn!(?signal, "PostgreSQL did not stop in time"),
            }
        }
        Err(PostgresError::Stuck { pid })
    }

    async fn start_at(
        folder: &Folder,
        binaries: &Binaries,
        options: &PostgresOptions,
        address: &Address,
        password: &str,
    ) -> Result<Self, PostgresError> {
        let log = folder.open_log()?;
        let log_start = log.metadata().map_err(|source| PostgresError::io(folder.log(), source))?.len();
        let second = log.try_clone().map_err(|source| PostgresError::io(folder.log(), source))?;
        let mut command = command(folder.account(), binaries, "postgres");
        command.arg("-D").arg(folder.cluster()).stdin(Stdio::null()).stdout(log).stderr(second);
        // A group of its own: Ctrl-C at the terminal is for the hub, which then stops PostgreSQL in its turn.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        for (name, value) in settings(options, address) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let child = tokio::process::Command::from(command).spawn();
        let mut server =
            Self { child: child.map_err(|source| PostgresError::io(binaries.program("postgres"), source))? };
        let config = config(address, SUPERUSER, DATABASE, password);
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Ok(Some(_)) = server.child.try_wait() {
                let words = log_since(folder, log_start);
                return Err(classify("postgres", &words, folder, address.port));
            }
            let error = match config.connect(NoTls).await {
                Ok(_) => return Ok(server),
                Err(error) => error,
            };
            // Not listening yet, or listening but still starting up or recovering; anything else will not get better.
            if error.code().is_some_and(|code| *code != SqlState::CANNOT_CONNECT_NOW) || Instant::now() > deadline {
                let reason = crate::error::describe(&error);
                return Err(PostgresError::Failed { program: "postgres", reason, log: folder.log() });
            }
            // Either it ends, or it is asked again: there is no event for "now accepting".
            _ = tokio::time::timeout(RETRY, server.child.wait()).await;
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // Already gone is what is wanted.
            if let Err(error) = kill(Pid::from_raw(pid), signal)
                && error != Errno::ESRCH
            {
                tracing::warn!(%error, ?signal, "PostgreSQL could not be signalled");
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::SIGQUIT);
            // Nothing can be awaited here; an immediate stop takes milliseconds and is given 5 s.
            for _ in 0..500 {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            self.signal(Signal::SIGKILL);
        }
    }
}

fn settings(options: &PostgresOptions, address: &Address) -> Vec<(String, String)> {
    let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
    let folder = address.socket_folder.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    let mut settings: Vec<(String, String)> = vec![
        ("listen_addresses".into(), if address.tcp { "127.0.0.1".into() } else { String::new() }),
        ("port".into(), address.port.to_string()),
        ("unix_socket_directories".into(), folder),
        ("password_encryption".into(), "scram-sha-256".into()),
        ("fsync".into(), on_off(options.fsync)),
        // Also without fsync, where it costs a write: what is not in the log's file is not replicated, so that a broadcast would wait for
        // the log writer, up to 600 ms.
        ("synchronous_commit".into(), "on".into()),
        ("full_page_writes".into(), on_off(options.fsync)),
        ("max_connections".into(), "100".into()),
        ("timezone".into(), "UTC".into()),
        ("lc_messages".into(), "C".into()),
        // Parallel workers cost more to start than a workspace's queries take.
        ("max_parallel_workers_per_gather".into(), "0".into()),
        ("log_min_messages".into(), "warning".into()),
        // Broadcasts are read from the log. Given at each start, so that a folder of an earlier version has it too; one connection reads,
        // and the old one may not have been noticed to be dead when the next begins.
        ("wal_level".into(), "logical".into()),
        ("max_wal_senders".into(), "8".into()),
        ("max_replication_slots".into(), "8".into()),
        // Statements can hold people's words and passwords.
        ("log_min_error_statement".into(), "panic".into()),
    ];
    settings.extend(options.settings.iter().cloned());
    settings
}

fn command(account: &Account, binaries: &Binaries, program: &str) -> Command {
    let mut command = Command::new(binaries.program(program));
    account.run_as(&mut command);
    command
}

async fn output(command: Command, folder: &Folder) -> Result<std::process::Output, PostgresError> {
    let program = PathBuf::from(command.get_program());
    let mut command = tokio::process::Command::from(command);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    output.map_err(|source| match source.kind() {
        std::io::ErrorKind::PermissionDenied => {
            PostgresError::Permission { path: program, user: folder.account().name().to_owned() }
        }
        _ => PostgresError::io(program, source),
    })
}

fn free_port() -> Result<u16, PostgresError> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| PostgresError::Connection(error.to_string()))
}

fn read_pid_file(folder: &Folder) -> Result<Option<String>, PostgresError> {
    let path = folder.cluster().join("postmaster.pid");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PostgresError::io(path, error)),
    }
}

fn left_pid(folder: &Folder) -> Result<Option<Pid>, PostgresError> {
    let text = read_pid_file(folder)?;
    let pid = text.as_deref().and_then(|text| text.lines().next()).and_then(|line| line.trim().parse().ok());
    Ok(pid.filter(|pid: &i32| *pid > 1).map(Pid::from_raw))
}

/// Whether the process lives and, where the system tells, works in this cluster: process ids are used again.
fn runs_here(pid: Pid, folder: &Folder) -> bool {
    if kill(pid, None) == Err(Errno::ESRCH) {
        return false;
    }
    // A postmaster's working folder is its cluster. Where that cannot be read (no /proc), the living process is believed.
    match std::fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(working) => working == folder.cluster(),
        Err(_) => !PathBuf::from("/proc/self").exists() || PathBuf::from(format!("/proc/{pid}/cwd")).exists(),
    }
}

fn log_since(folder: &Folder, start: u64) -> String {
    // The log is only read to say more; without it less is said.
    let bytes = std::fs::read(folder.log()).unwrap_or_default();
    let start = usize::try_from(start).unwrap_or_default();
    String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).into_owned()
}

/// What a program's last words mean. They are in English, because the programs run with LC_ALL=C.
fn classify(program: &'static str, words: &str, folder: &Folder, port: u16) -> PostgresError {
    let full = ["No space left on device", "Disk quota exceeded", "Check free disk space", "could not extend file"];
    if full.iter().any(|sign| words.contains(sign)) {
        PostgresError::DiskFull(folder.cluster())
    } else if words.contains("Read-only file system") {
        PostgresError::ReadOnly(folder.cluster())
    } else if words.contains("Address already in use") {
        PostgresError::PortInUse(port)
    } else if words.contains("Permission denied") {
        PostgresError::Permission { path: folder.cluster(), user: folder.account().name().to_owned() }
    } else {
        let telling = words.lines().rev().find(|line| line.contains("FATAL") || line.contains("error:"));
        let reason = telling.or(words.lines().last()).unwrap_or("it said nothing").trim().to_owned();
        PostgresError::Failed { program, reason, log: folder.log() }
    }
}
