//! On which other device to measure.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::run::measurement::Remote;

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

impl RemoteArgs {
    /// The device and the program for it; `None` if measuring happens here.
    pub(super) fn device(&self) -> Option<(Remote, &Path)> {
        let remote = match (&self.ssh, &self.adb) {
            (Some(host), _) => Remote::Ssh(host.clone()),
            (None, Some(serial)) => Remote::Adb(serial.clone()),
            (None, None) => return None,
        };
        Some((remote, self.program.as_deref().expect("--ssh and --adb require --program")))
    }
}
