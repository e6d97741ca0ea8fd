//! `mbn-latency validate`: what a table's predictions are worth on whole networks.

use std::path::{Path, PathBuf};

use clap::Args;
use miette::{Report, miette};

use super::measure::journal;
use super::out::Out;
use super::progress::Bar;
use super::runtime_args::RuntimeArgs;
use super::validation_report::{Validated, ValidationReport};
use crate::cli::Exit;
use crate::cli::output::print;
use crate::graph::LayerGraph;
use crate::latency::{
    Calibration, Comparison, Figures, LATENCY_TABLES, LatencyTable, MeasuredNetwork, held_out_text,
    with_entries,
};
use crate::measure::{Summary, Whole, WholeSettings, host, measure_whole};
use crate::seed;
use crate::space::{self, SearchSpace};
use crate::spec::NetworkSpec;
use crate::terminal::say;
use crate::text_file::json_text;
use crate::text_file::read_text;

/// Measure whole random networks of a space, fit what a table's sums get wrong on
/// some of them, and tell the error of the predictions on the others.
///
/// The corrections and the errors are written into the table's header, where search
/// and NetAdapt find them (--confidence).
#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// A latency table of this machine and runtime; of several, the better one is told
    #[arg(long, value_name = "TABLE", required = true)]
    target: Vec<PathBuf>,
    /// The search space that networks are drawn from, a file or the name of a shipped one
    #[arg(long, value_name = "FILE")]
    space: String,
    /// Networks to measure
    #[arg(long, value_name = "N", default_value_t = 160, value_parser = clap::value_parser!(u32).range(4..=100_000))]
    networks: u32,
    /// Networks among them that the corrections are fitted to
    #[arg(long, value_name = "N", default_value_t = 60)]
    fit: u32,
    #[command(flatten)]
    runtime: RuntimeArgs,
    /// Write figures, all networks and a scatter plot into this folder
    #[arg(long, value_name = "FOLDER")]
    report: Option<PathBuf>,
    /// Leave the table as it is
    #[arg(long)]
    dry_run: bool,
    /// Visits of each network, at different moments
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Timed passes of a visit
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    passes: u16,
    /// Decides which networks are drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// No progress
    #[arg(long)]
    quiet: bool,
}

/// A table with the text that it was read from.
struct Target {
    path: PathBuf,
    text: String,
    table: LatencyTable,
}

pub(super) fn run(args: &ValidateArgs) -> Result<Exit, Report> {
    if args.fit >= args.networks {
        return Err(miette!(
            help = "give more --networks, or a smaller --fit",
            "{} of {} networks are to be fitted, which leaves none to judge by",
            args.fit,
            args.networks
        ));
    }
    let targets: Vec<Target> = args.target.iter().map(|path| target(path)).collect::<Result<_, _>>()?;
    let space = space::load(&args.space)?;
    let networks = draw(&space, args.networks as usize, args.seed)?;
    // What a table cannot price is told before anything is measured.
    let graphs: Vec<LayerGraph> = networks.iter().map(LayerGraph::lower).collect();
    for target in &targets {
        for graph in &graphs {
            target.table.predict(graph)?;
        }
    }
    let Some(measured) = measured(args, &targets, &networks)? else { return Ok(Exit::Interrupted) };
    let mut reports = Vec::new();
    for target in &targets {
        reports.push(validated(args, target, &graphs, &measured, &space)?);
    }
    let best = reports.iter().min_by(|a, b| a.figures.rmse_percent.total_cmp(&b.figures.rmse_percent));
    if args.json {
        print(json_text(&reports));
    } else {
        reports.iter().for_each(|report| print(report.text()));
        if let (Some(best), true) = (best, reports.len() > 1) {
            print(format_args!("{} predicts better\n", best.table));
        }
    }
    Ok(Exit::Done)
}

fn target(path: &Path) -> Result<Target, Report> {
    let (file, text) = read_text(&path.to_string_lossy(), "latency table", LATENCY_TABLES)?;
    let table = LatencyTable::parse_measured(&file, &text)?;
    Ok(Target { path: path.to_owned(), text, table })
}

/// The networks to measure.
fn draw(space: &SearchSpace, count: usize, seed: u64) -> Result<Vec<NetworkSpec>, Report> {
    let networks = space.draw_networks(count, &mut seed::rng(seed, "validation networks", 0));
    if networks.len() < count {
        return Err(miette!(
            help = "give fewer --networks",
            "the space has only {} different networks",
            networks.len()
        ));
    }
    Ok(networks)
}

/// The times of all networks; `None` if people ended it.
fn measured(
    args: &ValidateArgs,
    targets: &[Target],
    networks: &[NetworkSpec],
) -> Result<Option<Vec<Summary>>, Report> {
    let runtime = args.runtime.start()?;
    let asked = format!("{} {}, {} thread(s)", runtime.name(), runtime.version(), args.runtime.threads);
    for Target { path, table, .. } in targets {
        let entry = |key: &str| table.header.entries.get(key).map_or("not stated", String::as_str);
        let stated = format!("{}, {} thread(s)", entry("runtime"), entry("threads"));
        if stated != asked {
            return Err(miette!(
                help = "validate a table in the runtime that it was measured in: --runtime, --threads",
                "{} is a table of {stated}, and {asked} is to run the networks",
                path.display()
            ));
        }
    }
    host::warnings(args.runtime.core().unwrap_or(0))
        .iter()
        .for_each(|warning| say(format_args!("warning: {warning}")));
    let settings =
        WholeSettings { rounds: usize::from(args.rounds), passes: usize::from(args.passes), seed: args.seed };
    let journal = journal(&args.target[0]);
    let mut bar = Bar::new("measuring whole networks", args.quiet)?;
    let ticks = host::Ticks::now();
    let measured =
        measure_whole(networks, runtime.as_ref(), settings, &journal, &mut |progress| bar.goes_on(progress))?;
    let Some(measured) = measured else {
        say(format_args!("interrupted; the same command goes on, from {}", journal.display()));
        return Ok(None);
    };
    if measured.disturbed > 0 {
        let Whole { disturbed, visits, .. } = measured;
        say(format_args!("warning: {disturbed} of {visits} visits fell on moments that were not calm"));
    }
    let disturbance = ticks.zip(host::Ticks::now()).map(|(before, after)| before.disturbance(after));
    for warning in disturbance.into_iter().flat_map(host::Disturbance::warnings) {
        say(format_args!("warning: {warning}"));
    }
    let _ = std::fs::remove_file(&journal);
    Ok(Some(measured.networks))
}

/// Fits, judges, and writes what was learned.
fn validated(
    args: &ValidateArgs,
    target: &Target,
    graphs: &[LayerGraph],
    measured: &[Summary],
    space: &SearchSpace,
) -> Result<ValidationReport, Report> {
    let mut networks = Vec::new();
    for (graph, summary) in graphs.iter().zip(measured) {
        networks.push(MeasuredNetwork {
            sums: target.table.term_sums(graph)?,
            measured_ms: summary.median_ms,
            relative_noise: summary.relative_standard_error(),
        });
    }
    let (fitted, fresh) = networks.split_at(args.fit as usize);
    let calibration = Calibration::fit(fitted)?.calibration.rounded();
    let compare = |calibration: &Calibration, networks: &[MeasuredNetwork]| -> Vec<Comparison> {
        let comparison = |network: &MeasuredNetwork| Comparison {
            predicted_ms: calibration.predict_ms(&network.sums),
            measured_ms: network.measured_ms,
        };
        networks.iter().map(comparison).collect()
    };
    let held_out = compare(&calibration, fresh);
    let report = ValidationReport {
        table: target.path.display().to_string(),
        device: target.table.header.device().to_owned(),
        space: space.name.clone(),
        raw: figures(&compare(&Calibration::IDENTITY, fresh)),
        figures: figures(&held_out),
        calibration: calibration.to_string(),
        noise_percent: 100.0 * median_noise(measured),
        networks: Validated { fitted: compare(&calibration, fitted), held_out },
    };
    if let Some(folder) = &args.report {
        report.write(folder)?;
    }
    if !args.dry_run {
        let mut ratios: Vec<f64> = report.networks.held_out.iter().map(|network| network.ratio()).collect();
        ratios.sort_by(f64::total_cmp);
        let entries = [
            ("calibration", Some(calibration.to_string())),
            ("held_out", Some(held_out_text(&ratios))),
            ("space", Some(space.name.clone())),
        ];
        Out::new(&target.path, true)?.write(&with_entries(&target.text, &entries))?;
    }
    Ok(report)
}

fn figures(networks: &[Comparison]) -> Figures {
    Figures::of(networks).expect("`--fit` is below `--networks`: at least one network is held out")
}

fn median_noise(measured: &[Summary]) -> f64 {
    let noise: Vec<f64> = measured.iter().map(Summary::relative_standard_error).collect();
    crate::robust::median(&noise).expect("at least one network was measured")
}
