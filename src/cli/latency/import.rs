//! `mbn-latency import`: a table of another project in the one format.

use std::path::PathBuf;

use clap::Args;
use miette::{Report, miette};

use super::header_args::{Header, HeaderArgs, names};
use crate::cli::output::print;
use crate::cli::{Exit, NetworkArgs};
use crate::graph::LayerGraph;
use crate::latency::audit::audit;
use crate::latency::foreign::{self, ForeignFormat, ForeignTable};
use crate::latency::{LatencyTable, table_text};
use crate::run::measurement::{audit_summary, check_free, write};
use crate::run::plural;
use crate::text_file::read_text;

/// Convert the latency table of another project: proxylessnas, ofa, tunas,
/// nn-meter or tflite-profile.
///
/// What the files do not tell is asked for: a table states its device, threads,
/// precision, batch and resolution.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The files of one table; units that stand in several are pooled
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Whose table it is: proxylessnas, ofa, tunas, nn-meter or tflite-profile
    #[arg(long)]
    format: ForeignFormat,
    /// Where to write the table
    #[arg(long, value_name = "TABLE")]
    out: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    header: HeaderArgs,
    /// The network that was profiled, a file or a reference network (tflite-profile)
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,
    #[command(flatten)]
    change: NetworkArgs,
}

pub(super) fn run(args: &ImportArgs) -> Result<Exit, Report> {
    check_free(&args.out, args.force)?;
    let table = read(args)?;
    let header = header(args, &table)?;
    let name = args.out.display().to_string();
    let text = table_text(&header, &table.rows);
    LatencyTable::parse(&name, &text)?;
    write(&args.out, &text)?;
    print(report(&table, &audit_summary(&audit(&name, &text)), &name));
    Ok(Exit::Done)
}

fn read(args: &ImportArgs) -> Result<ForeignTable, Report> {
    if args.format == ForeignFormat::TfliteProfile && args.files.len() > 1 {
        return Err(miette!(
            help = "import one file at a time",
            "{} files are given, but a {} is one file",
            args.files.len(),
            args.format
        ));
    }
    let files: Result<Vec<_>, _> = args.files.iter().map(|file| read_text(file, "file", &[])).collect();
    let network = args.network.as_deref().map(|name| args.change.load(name)).transpose()?;
    let graph = network.as_ref().map(LayerGraph::lower);
    let table = foreign::read(args.format, &files?, graph.as_ref())?;
    if table.rows.is_empty() {
        return Err(miette!(
            help = format!("is --format {} what they are?", args.format),
            "the files hold no unit that a table has rows for: {}",
            table.left_out.join("; ")
        ));
    }
    Ok(table)
}

/// The lines that a table must have and those that are known.
fn header(args: &ImportArgs, table: &ForeignTable) -> Result<Header, Report> {
    let asked = args.change.resolution.map(|side| vec![side]);
    let sides = asked.unwrap_or_else(|| table.resolutions.clone());
    let sides = (!sides.is_empty()).then(|| list(&sides));
    let mut header = args.header.required(&args.files, sides)?;
    header.extend(known(args, table));
    Ok(header)
}

fn known(args: &ImportArgs, table: &ForeignTable) -> Header {
    let folded: Vec<&str> = table.folded.iter().map(|kind| kind.name()).collect();
    let note = format!("left out: {}", table.left_out.join("; "));
    let entries = [
        ("folded", Some(folded.join(", ")).filter(|text| !text.is_empty())),
        ("ignores", table.ignores_activation.then(|| "activation".to_owned())),
        ("method", Some(table.method.to_owned())),
        ("note", (!table.left_out.is_empty()).then_some(note)),
        ("source", Some(args.header.source.clone().unwrap_or_else(|| names(&args.files)))),
        ("licence", Some(args.header.licence.clone().unwrap_or_else(|| "not stated".to_owned()))),
    ];
    entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn report(table: &ForeignTable, summary: &str, name: &str) -> String {
    let mut text = format!("{} in {name}\n", plural(table.rows.len(), "row"));
    for left_out in &table.left_out {
        text += &format!("left out: {left_out}\n");
    }
    text + "checked: " + summary + &format!("next: mbn-latency check {name}\n")
}
