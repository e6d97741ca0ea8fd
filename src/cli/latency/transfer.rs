//! `mbn-latency transfer`: a table of a new device from that of another and few whole networks.

use std::path::{Path, PathBuf};

use clap::Args;
use miette::Report;

use super::header_args::HeaderArgs;
use crate::cli::output::{print, print_finished};
use crate::cli::{Exit, NetworkArgs};
use crate::diagnostic::FileError;
use crate::latency::{Measurement, Measurements};
use crate::run::RunKind;
use crate::run::measurement::{TransferRun, check_free};
use crate::space;
use crate::spec::NetworkSpec;
use crate::text_file::ReadError;

/// Make the table of a new device from that of another one and about ten whole
/// networks measured on the new one.
///
/// FILE has the columns `network,latency_ms` and, where they are known, `stddev_ms`,
/// `samples`, `width`, `resolution` and `classes`. A network is a file, also one beside
/// FILE, or the name of a reference network. With --space and --next, the network is
/// proposed whose measurement would teach most.
#[derive(Debug, Args)]
pub(super) struct TransferArgs {
    /// The other device's table, a file or the name of one in latency_tables/
    #[arg(long, value_name = "TABLE")]
    from: String,
    /// Whole networks measured on the new device
    #[arg(long, value_name = "FILE")]
    measurements: String,
    /// Where to write the table
    #[arg(long, value_name = "TABLE", required_unless_present = "next")]
    out: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    header: HeaderArgs,
    /// Propose the next network to measure, and write it beside FILE
    #[arg(long, requires = "space")]
    next: bool,
    /// The search space that it comes from, a file or the name of a shipped one
    #[arg(long, value_name = "FILE")]
    space: Option<String>,
    /// Networks of the space that it is chosen from
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    candidates: u32,
    /// Decides which networks these are
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print everything as an event, one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &TransferArgs) -> Result<Exit, Report> {
    args.out.iter().try_for_each(|path| check_free(path, args.force))?;
    let mut transfer = TransferRun::open(&args.from, &args.measurements, network)?;
    if let Some(out) = &args.out {
        // The images are those of the rows.
        let sides = transfer.source().header.entries.get("resolution").cloned();
        let header = args.header.required(std::slice::from_ref(&args.measurements), sides)?;
        let given = [("source", args.header.source.clone()), ("licence", args.header.licence.clone())];
        transfer.write(out, header, given)?;
    }
    if let (true, Some(name)) = (args.next, &args.space) {
        transfer.propose(&space::load(name)?, args.candidates, args.seed)?;
    }
    let report = &transfer.report;
    if args.json {
        let file = args.out.as_deref().unwrap_or(Path::new(&args.measurements));
        print_finished(file, RunKind::Transfer, report);
    } else {
        print(report.text());
    }
    Ok(Exit::Done)
}

/// The network of a row, which may lie beside the file that it stands in.
fn network(measurements: &Measurements, row: &Measurement, folder: &Path) -> Result<NetworkSpec, FileError> {
    let change = NetworkArgs::stated(row.width.as_deref(), row.resolution.as_deref(), row.classes.as_deref())
        .map_err(|message| measurements.error(row, message))?;
    let beside = folder.join(&row.network);
    let path = if beside.is_file() { beside.display().to_string() } else { row.network.clone() };
    change.load(&path).map_err(|error| match error {
        ReadError::Content(error) => *error,
        ReadError::Io { file, remedy } => measurements.error(row, file.to_string()).with_remedy(remedy),
    })
}
