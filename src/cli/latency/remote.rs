//! Measuring on another device: this program is sent there, runs there, and its table is fetched.
//!
//! `ssh`, `scp` and `adb` do the work. What the device has measured stays on it until the table is fetched, so that the
//! same command goes on after a lost connection.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use miette::Diagnostic;

/// Where to measure, if not here.
#[derive(Debug, Clone, Args)]
pub(super) struct RemoteArgs {
    /// Measure on a board or server that is reached by ssh
    #[arg(long, value_name = "HOST", requires = "program", conflicts_with = "adb")]
    ssh: Option<String>,
    /// Measure on an Android device that is reached by adb
    #[arg(long, value_name = "SERIAL", num_args = 0..=1, requires = "program")]
    adb: Option<Option<String>>,
    /// mbn-latency built for that device, see docs/measuring.md
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Why nothing was measured there.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(super) enum RemoteError {
    #[error("there is no program {}", path.display())]
    #[diagnostic(help(
        "build mbn-latency for the device, docs/measuring.md tells how, and name it with --program"
    ))]
    NoProgram { path: PathBuf },
    #[error("cannot run {tool}: {source}")]
    #[diagnostic(help("install it: `ssh` and `scp` are OpenSSH, `adb` is in Android's platform tools"))]
    NoTool { tool: String, source: std::io::Error },
    #[error("{what} ended with {how}")]
    #[diagnostic(help(
        "see what it said above; when the device is back, the same command goes on where it was"
    ))]
    Failed { what: String, how: String },
}

/// A device that commands and files are sent to.
pub(super) enum Remote {
    Ssh(String),
    Adb(Option<String>),
}

/// A folder of this program's own on the device.
const SSH_FOLDER: &str = "mbn-latency-files";
const ADB_FOLDER: &str = "/data/local/tmp/mbn-latency-files";

impl RemoteArgs {
    /// The device and the program for it; `None` if measuring happens here.
    pub(super) fn device(&self) -> Result<Option<(Remote, &Path)>, RemoteError> {
        let remote = match (&self.ssh, &self.adb) {
            (Some(host), _) => Remote::Ssh(host.clone()),
            (None, Some(serial)) => Remote::Adb(serial.clone()),
            (None, None) => return Ok(None),
        };
        let path = self.program.as_deref().expect("--ssh and --adb require --program");
        if !path.is_file() {
            return Err(RemoteError::NoProgram { path: path.to_owned() });
        }
        Ok(Some((remote, path)))
    }
}

impl Remote {
    /// Sends the program and a plan, runs `measure` there with `arguments`, and fetches the table.
    pub(super) fn measure(
        &self,
        program: &Path,
        plan: &Path,
        arguments: &[String],
        out: &Path,
    ) -> Result<(), RemoteError> {
        let name = out.file_name().map_or("table.csv".into(), |name| name.to_string_lossy().into_owned());
        self.shell(&format!("mkdir -p {}", self.folder()))?;
        self.send(program, "mbn-latency")?;
        self.send(plan, "plan.toml")?;
        let arguments: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
        self.shell(&format!(
            "cd {} && chmod 755 mbn-latency && ./mbn-latency measure --plan plan.toml --force --out {} {}",
            self.folder(),
            quoted(&name),
            arguments.join(" ")
        ))?;
        self.fetch(&name, out)
    }

    /// What the device calls itself, where its system knows.
    pub(super) fn name(&self) -> Option<String> {
        let Self::Adb(_) = self else { return None };
        let output = self.adb().args(["shell", "getprop ro.product.model"]).output().ok()?;
        let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !name.is_empty()).then_some(name)
    }

    fn folder(&self) -> &'static str {
        match self {
            Self::Ssh(_) => SSH_FOLDER,
            Self::Adb(_) => ADB_FOLDER,
        }
    }

    fn adb(&self) -> Command {
        let mut command = Command::new("adb");
        if let Self::Adb(Some(serial)) = self {
            command.args(["-s", serial]);
        }
        command
    }

    fn shell(&self, line: &str) -> Result<(), RemoteError> {
        let mut command = match self {
            Self::Ssh(host) => {
                let mut command = Command::new("ssh");
                // A terminal there shows the progress here.
                command.args(std::io::stderr().is_terminal().then_some("-t")).args([host.as_str(), line]);
                command
            }
            Self::Adb(_) => {
                let mut command = self.adb();
                command.args(["shell", line]);
                command
            }
        };
        run(&mut command)
    }

    fn send(&self, file: &Path, name: &str) -> Result<(), RemoteError> {
        let target = format!("{}/{name}", self.folder());
        match self {
            Self::Ssh(host) => run(Command::new("scp").arg("-q").arg(file).arg(format!("{host}:{target}"))),
            Self::Adb(_) => run(self.adb().arg("push").arg(file).arg(target)),
        }
    }

    fn fetch(&self, name: &str, file: &Path) -> Result<(), RemoteError> {
        let source = format!("{}/{name}", self.folder());
        match self {
            Self::Ssh(host) => run(Command::new("scp").arg("-q").arg(format!("{host}:{source}")).arg(file)),
            Self::Adb(_) => run(self.adb().arg("pull").arg(source).arg(file)),
        }
    }
}

/// Runs a command whose output people see.
fn run(command: &mut Command) -> Result<(), RemoteError> {
    let tool = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|source| RemoteError::NoTool { tool: tool.clone(), source })?;
    if status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    Err(RemoteError::Failed { what: format!("`{tool} {}`", arguments.join(" ")), how: status.to_string() })
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_quoted_word_as_it_was() {
        for word in ["plain", "two words", "it's", "$HOME `id` \"x\" \\"] {
            let said =
                Command::new("sh").args(["-c", &format!("printf %s {}", quoted(word))]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&said.stdout), word);
        }
    }
}
