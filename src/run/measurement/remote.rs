//! Measuring on another device: this program is sent there, runs there, and its table is fetched.
//!
//! `ssh`, `scp` and `adb` do the work. What the device has measured stays on it until the table is fetched, so that the
//! same command goes on after a lost connection.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{MeasurementError, MeasurementReport, write};
use crate::latency::LatencyTable;
use crate::measure::Plan;
use crate::run::events::{Event, Events, Observer, RunKind, TaskEvent};
use crate::whole_file::{PathError, write_whole_file};

/// A device that commands and files are sent to.
#[derive(Debug, Clone)]
pub enum Remote {
    /// A host that is reached by ssh.
    Ssh(String),
    /// An Android device that is reached by adb, by its serial number if there are several.
    Adb(Option<String>),
}

/// A folder of this program's own on the device.
const SSH_FOLDER: &str = "mbn-latency-files";
const ADB_FOLDER: &str = "/data/local/tmp/mbn-latency-files";

impl Remote {
    /// Sends the program and a plan, runs `measure` there with `options`, passes its events on, and fetches the table.
    ///
    /// # Errors
    /// If a command fails, there or here, or the table cannot be written.
    pub fn measure(
        &self,
        program: &Path,
        plan: &Plan,
        options: &[String],
        out: &Path,
        observer: &dyn Observer<TaskEvent<MeasurementReport>>,
    ) -> Result<MeasurementReport, MeasurementError> {
        if !program.is_file() {
            return Err(MeasurementError::NoProgram { path: program.to_owned() });
        }
        let events = Events::new(out, RunKind::Measurement, 0, observer);
        let name = out.file_name().map_or("table.csv".into(), |name| name.to_string_lossy().into_owned());
        let here = tempfile::tempdir().map_err(PathError::on("write", &std::env::temp_dir()))?;
        let (file, fetched) = (here.path().join("plan.toml"), here.path().join(&name));
        write_whole_file(&file, plan.to_toml().as_bytes())?;
        run(&mut self.shell(&format!("mkdir -p {}", self.folder())), &mut |_| None)?;
        self.send(program, "mbn-latency")?;
        self.send(&file, "plan.toml")?;
        let options: Vec<String> = options.iter().map(|option| quoted(option)).collect();
        let line = format!(
            "cd {} && chmod 755 mbn-latency && ./mbn-latency measure --plan plan.toml --force --json --out {} {}",
            self.folder(),
            quoted(&name),
            options.join(" ")
        );
        let mut report = None;
        run(&mut self.shell(&line), &mut |line| {
            let Event { done, of, payload, .. } = serde_json::from_str(line).ok()?;
            events.set(done, of);
            match payload {
                TaskEvent::Finished(finished) => report = Some(finished),
                payload => events.tell(payload),
            }
            Some(())
        })?;
        let report: MeasurementReport = report.ok_or_else(|| MeasurementError::RemoteFailed {
            what: program.display().to_string(),
            how: "no report; is it of this version?".to_owned(),
            said: String::new(),
        })?;
        self.fetch(&name, &fetched)?;
        let text = std::fs::read_to_string(&fetched).map_err(PathError::on("read", &fetched))?;
        let table = out.display().to_string();
        LatencyTable::parse(&table, &text)?;
        write(out, &text)?;
        let report = MeasurementReport { table, ..report };
        events.tell(TaskEvent::Finished(report.clone()));
        Ok(report)
    }

    /// What the device calls itself, where its system knows.
    pub fn name(&self) -> Option<String> {
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

    fn shell(&self, line: &str) -> Command {
        match self {
            Self::Ssh(host) => {
                let mut command = Command::new("ssh");
                command.args([host.as_str(), line]);
                command
            }
            Self::Adb(_) => {
                let mut command = self.adb();
                command.args(["shell", line]);
                command
            }
        }
    }

    fn send(&self, file: &Path, name: &str) -> Result<(), MeasurementError> {
        let target = format!("{}/{name}", self.folder());
        match self {
            Self::Ssh(host) => {
                run(Command::new("scp").arg("-q").arg(file).arg(format!("{host}:{target}")), &mut |_| None)
            }
            Self::Adb(_) => run(self.adb().arg("push").arg(file).arg(target), &mut |_| None),
        }
    }

    fn fetch(&self, name: &str, file: &Path) -> Result<(), MeasurementError> {
        let source = format!("{}/{name}", self.folder());
        match self {
            Self::Ssh(host) => {
                run(Command::new("scp").arg("-q").arg(format!("{host}:{source}")).arg(file), &mut |_| None)
            }
            Self::Adb(_) => run(self.adb().arg("pull").arg(source).arg(file), &mut |_| None),
        }
    }
}

/// Runs a command whose errors people see. `take` is given each line of its output; what it does not take is part of
/// the message if the command fails: adb of old devices prints errors there, too.
fn run(command: &mut Command, take: &mut dyn FnMut(&str) -> Option<()>) -> Result<(), MeasurementError> {
    let tool = command.get_program().to_string_lossy().into_owned();
    let no_tool = |source| MeasurementError::NoTool { tool: tool.clone(), source };
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(no_tool)?;
    let output = child.stdout.take().expect("it is piped");
    let mut said = String::new();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if take(&line).is_none() {
            said += &format!("\n{}", line.trim_end());
        }
    }
    let status = child.wait().map_err(no_tool)?;
    if status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    let what = format!("`{tool} {}`", arguments.join(" "));
    Err(MeasurementError::RemoteFailed { what, how: status.to_string(), said })
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
