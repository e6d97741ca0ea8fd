//! `mbn-latency transfer`: a table of a new device from that of another and few whole networks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use miette::Report;

use super::check::summary;
use super::header_args::{Header, HeaderArgs, names};
use super::out::Out;
use super::transfer_report::{Next, TransferReport};
use crate::cli::output::print;
use crate::cli::{Exit, NetworkArgs};
use crate::diagnostic::FileError;
use crate::graph::LayerGraph;
use crate::latency::audit::audit;
use crate::latency::{
    Candidates, LATENCY_TABLES, LatencyTable, MeasuredNetwork, Measurement, Measurements, Transfer,
    held_out_text, propose, with_entries,
};
use crate::space;
use crate::spec::{ArchId, NetworkSpec};
use crate::text_file::{ReadError, read_text};

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
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

/// The networks that were measured.
struct Networks {
    names: Vec<String>,
    measured: Vec<MeasuredNetwork>,
    /// The line of each.
    lines: BTreeMap<ArchId, usize>,
}

pub(super) fn run(args: &TransferArgs) -> Result<Exit, Report> {
    let out = args.out.as_deref().map(|path| Out::new(path, args.force)).transpose()?;
    let (from, source_text) = read_text(&args.from, "latency table", LATENCY_TABLES)?;
    let source = LatencyTable::parse(&from, &source_text)?;
    let header = out.map(|_| header(args, &source)).transpose()?;
    let (file, text) = read_text(&args.measurements, "file of measurements", &[])?;
    let measurements = Measurements::parse(&file, &text)?;
    let networks = networks(&measurements, &source, folder(&args.measurements))?;
    let transfer = Transfer::fit(&source, &networks.measured)?;
    let mut report = TransferReport::new(&source, &networks.names, &transfer);
    if let (Some(out), Some(header), Some(path)) = (out, header, &args.out) {
        let name = path.display().to_string();
        let text = table(args, &source_text, header, &transfer);
        LatencyTable::parse(&name, &text)?;
        out.write(&text)?;
        report.written(&name, summary(&audit(&name, &text)));
    }
    if let (true, Some(name)) = (args.next, &args.space) {
        report.next = Some(next(args, name, &source, &transfer, &networks, &measurements)?);
    }
    print(if args.json { report.json() } else { report.text() });
    Ok(Exit::Done)
}

fn folder(file: &str) -> &Path {
    Path::new(file).parent().unwrap_or(Path::new(""))
}

/// The lines that describe the new device; the images are those of the rows.
fn header(args: &TransferArgs, source: &LatencyTable) -> Result<Header, Report> {
    let sides = source.header.entries.get("resolution").cloned();
    args.header.required(std::slice::from_ref(&args.measurements), sides)
}

fn networks(measurements: &Measurements, source: &LatencyTable, folder: &Path) -> Result<Networks, Report> {
    let mut networks = Networks { names: Vec::new(), measured: Vec::new(), lines: BTreeMap::new() };
    for row in &measurements.rows {
        let network = network(measurements, row, folder)?;
        if let Some(line) = networks.lines.insert(network.arch_id(), row.line) {
            let message = format!("this is the network of line {line}");
            return Err(measurements.error(row, message).with_remedy("keep one row for each network").into());
        }
        let sums = source.term_sums(&LayerGraph::lower(&network)).map_err(|missing| {
            let remedy = format!("leave the row out, or {}", missing.remedy);
            measurements.error(row, missing.to_string()).with_remedy(remedy)
        })?;
        networks.names.push(row.to_string());
        networks.measured.push(MeasuredNetwork {
            sums,
            measured_ms: row.latency_ms,
            relative_noise: row.relative_noise,
        });
    }
    Ok(networks)
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

/// The other device's rows under the new device's header.
fn table(args: &TransferArgs, source_text: &str, header: Header, transfer: &Transfer) -> String {
    let measurements = names(std::slice::from_ref(&args.measurements));
    let method = format!(
        "rows of {}, corrected by {} whole networks of {measurements}; held_out are these networks, each predicted from the others",
        names(std::slice::from_ref(&args.from)),
        transfer.left_out.len(),
    );
    let stated = header.into_iter().map(|(key, value)| (key, Some(value)));
    let learned = [
        ("runtime", None),
        ("date", None),
        ("method", Some(method)),
        ("calibration", Some(transfer.calibration.to_string())),
        ("held_out", Some(held_out_text(&transfer.ratios()))),
        ("space", Some(format!("the networks of {measurements}"))),
    ];
    // What is not given stays as the other table states it: the rows come from there.
    let given = [("source", args.header.source.clone()), ("licence", args.header.licence.clone())];
    let given = given.into_iter().filter(|(_, value)| value.is_some());
    let entries: Vec<(&str, Option<String>)> = stated.chain(learned).chain(given).collect();
    with_entries(source_text, &entries)
}

/// Chooses the network to measure next and writes it beside the measurements.
fn next(
    args: &TransferArgs,
    space: &str,
    source: &LatencyTable,
    transfer: &Transfer,
    networks: &Networks,
    measurements: &Measurements,
) -> Result<Next, Report> {
    let space = space::load(space)?;
    let measured = networks.lines.keys().cloned().collect();
    let among = Candidates { space: &space, count: args.candidates, seed: args.seed, measured: &measured };
    let proposal = propose(source, &transfer.fitted, among)?;
    let file = format!("{}-{}.toml", space.name, proposal.network.arch_id());
    let path = folder(&args.measurements).join(&file);
    Out::new(&path, true)?.write(&proposal.network.to_toml())?;
    Ok(Next::new(&proposal, &path, measurements.line_for(&file)))
}
