//! `mbn-latency measure`: the table of this machine.

use std::path::PathBuf;

use clap::Args;
use miette::Report;

use super::plan::SubjectArgs;
use super::remote_args::RemoteArgs;
use super::runtime_args::RuntimeArgs;
use crate::cli::interrupt::stop_on_ctrl_c;
use crate::cli::output::print;
use crate::cli::{Exit, OutputArgs};
use crate::measure::{Plan, Settings, Surrounding};
use crate::run::measurement::{MeasurementReport, MeasurementRun, TaskProgress, check_free, read_plan};
use crate::terminal::say;

/// Measure the latency table of this machine.
///
/// Blocks are chained into networks, and the runtime tells the time of each of their
/// operators. A measurement that was interrupted goes on where it was when the same
/// command is given again.
#[derive(Debug, Args)]
pub(super) struct MeasureArgs {
    /// The plan; without one, --space and --network say what the table is for
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Where to write the table
    #[arg(long, value_name = "TABLE")]
    out: PathBuf,
    /// Replace a table that is there
    #[arg(long)]
    force: bool,
    /// The device's name [default: what its firmware or processor says]
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Licence of the numbers, for the table's header
    #[arg(long, value_name = "TEXT")]
    licence: Option<String>,
    /// Surround each block as in a network, or measure it alone, in warm caches
    #[arg(long, value_name = "network|alone", default_value = "network", value_parser = surrounding)]
    context: Surrounding,
    /// Visits of each block, at different moments
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Timed passes of a visit
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    passes: u16,
    /// Decides which blocks share a network, and the order of visits
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    output: OutputArgs,
}

fn surrounding(text: &str) -> Result<Surrounding, &'static str> {
    match text {
        "network" => Ok(Surrounding::Network),
        "alone" => Ok(Surrounding::Alone),
        _ => Err("give network or alone"),
    }
}

pub(super) fn run(args: &MeasureArgs) -> Result<Exit, Report> {
    check_free(&args.out, args.force)?;
    let Some(plan) = plan(args)? else {
        return super::usage("give what to measure: --plan PLAN, --space FILE or --network FILE");
    };
    let observer = args.output.observer(|| TaskProgress::stderr("measuring"));
    if let Some((remote, program)) = args.remote.device() {
        let device = args.device.clone().or_else(|| remote.name());
        let report = remote.measure(program, &plan, &args.sent(device), &args.out, observer.as_ref())?;
        told(args, &format!("fetched {}\n", args.out.display()), &report);
        return Ok(Exit::Done);
    }
    let runtime = args.runtime.start()?;
    let measurement = MeasurementRun {
        plan: &plan,
        machine: args.runtime.machine(runtime.as_ref()),
        settings: Settings {
            surrounding: args.context,
            rounds: usize::from(args.rounds),
            passes: usize::from(args.passes),
            seed: args.seed,
        },
        device: args.device.as_deref(),
        licence: args.licence.as_deref(),
        out: &args.out,
    };
    let stop = stop_on_ctrl_c()?;
    let measured = measurement.run(observer.as_ref(), &stop);
    super::unless_interrupted(measured, |report| told(args, "", report))
}

/// Tells people what was measured; programs know.
fn told(args: &MeasureArgs, before: &str, report: &MeasurementReport) {
    if !args.output.json {
        print(format_args!("{before}{}", report.text()));
    }
}

impl MeasureArgs {
    /// The options as another device is given them.
    fn sent(&self, device: Option<String>) -> Vec<String> {
        let context = match self.context {
            Surrounding::Network => "network",
            Surrounding::Alone => "alone",
        };
        let runtime = &self.runtime;
        let options = [
            ("--runtime", Some(runtime.runtime.name().to_owned())),
            ("--ort-library", runtime.ort_library.as_ref().map(|path| path.display().to_string())),
            ("--threads", Some(runtime.threads.to_string())),
            ("--cpu", runtime.cpu.map(|cpu| cpu.to_string())),
            ("--device", device),
            ("--licence", self.licence.clone()),
            ("--context", Some(context.to_owned())),
            ("--rounds", Some(self.rounds.to_string())),
            ("--passes", Some(self.passes.to_string())),
            ("--seed", Some(self.seed.to_string())),
        ];
        let given = options.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?]));
        given.flatten().collect()
    }
}

/// The plan that is asked for; `None` if none is.
fn plan(args: &MeasureArgs) -> Result<Option<Plan>, Report> {
    let wanted = args.subject.wanted()?;
    if let Some(name) = &args.plan {
        return Ok(Some(read_plan(name, wanted.as_ref())?));
    }
    let Some(wanted) = wanted else { return Ok(None) };
    let (plan, grid) = args.subject.plan(wanted)?;
    if !args.output.quiet {
        grid.into_iter().for_each(say);
    }
    Ok(Some(plan))
}
