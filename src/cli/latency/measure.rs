//! `mbn-latency measure`: the table of this machine.

use std::path::{Path, PathBuf};

use clap::Args;
use miette::{IntoDiagnostic, Report, WrapErr, miette};

use super::check::plural;
use super::out::Out;
use super::plan::SubjectArgs;
use super::progress::Bar;
use super::remote::{Remote, RemoteArgs};
use super::runtime_args::RuntimeArgs;
use crate::cli::Exit;
use crate::cli::output::print;
use crate::latency::LatencyTable;
use crate::measure::{
    Drift, Measured, Plan, Provenance, Settings, Summary, Surrounding, host, measure, table,
};
use crate::stopwatch::{Stopwatch, today};
use crate::terminal::say;
use crate::text_file::read_text;
use crate::whole_file::write_whole_file;

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
    /// No progress
    #[arg(long)]
    quiet: bool,
}

fn surrounding(text: &str) -> Result<Surrounding, &'static str> {
    match text {
        "network" => Ok(Surrounding::Network),
        "alone" => Ok(Surrounding::Alone),
        _ => Err("give network or alone"),
    }
}

pub(super) fn run(args: &MeasureArgs) -> Result<Exit, Report> {
    let out = Out::new(&args.out, args.force)?;
    let Some(plan) = plan(args)? else {
        return super::usage("give what to measure: --plan PLAN, --space FILE or --network FILE");
    };
    if let Some((remote, program)) = args.remote.device()? {
        return elsewhere(args, &plan, &remote, program);
    }
    let device = args.device.clone().or_else(host::device_name);
    let no_name = || miette!(help = "give it with --device NAME", "the device does not tell its name");
    let device = device.ok_or_else(no_name)?;
    let runtime = args.runtime.start()?;
    let core = args.runtime.core();
    let mut notes = host::warnings(core.unwrap_or(0));
    notes.iter().for_each(|warning| say(format_args!("warning: {warning}")));
    let settings = Settings {
        surrounding: args.context,
        rounds: usize::from(args.rounds),
        passes: usize::from(args.passes),
        seed: args.seed,
    };
    let journal = journal(&args.out);
    let (ticks, watch) = (host::Ticks::now(), Stopwatch::start());
    let mut bar = Bar::new("measuring", args.quiet)?;
    let measured =
        measure(&plan, runtime.as_ref(), settings, &journal, &mut |progress| bar.goes_on(progress))?;
    let Some(measured) = measured else {
        say(format_args!("interrupted; the same command goes on, from {}", journal.display()));
        return Ok(Exit::Interrupted);
    };
    let disturbance = ticks.zip(host::Ticks::now()).map(|(before, after)| before.disturbance(after));
    notes.extend(disturbance.into_iter().flat_map(host::Disturbance::warnings));
    notes.extend((measured.disturbed > 0).then(|| {
        format!(
            "{} of {} visits fell on moments that were not calm, and count where there are no others",
            measured.disturbed,
            measured.sentinel_ms.len()
        )
    }));
    notes.extend(drift_note(&measured));
    let provenance = Provenance {
        device,
        runtime: format!("{} {}", runtime.name(), runtime.version()),
        threads: args.runtime.threads,
        date: today(),
        surrounding: args.context,
        licence: args.licence.clone(),
        notes,
    };
    let text = table(&measured, &plan, &provenance);
    let left_out = LatencyTable::parse(&args.out.to_string_lossy(), &text)?.left_out_errors();
    out.write(&text)?;
    // What it holds is in the table now; if it stays, the next measurement of this table is that of the same plan.
    let _ = std::fs::remove_file(&journal);
    print(report(args, &measured, &left_out, &provenance, watch.elapsed().as_secs_f64()));
    Ok(Exit::Done)
}

/// Measures on another device.
fn elsewhere(args: &MeasureArgs, plan: &Plan, remote: &Remote, program: &Path) -> Result<Exit, Report> {
    let folder = tempfile::tempdir().into_diagnostic().wrap_err("no place for the plan")?;
    let file = folder.path().join("plan.toml");
    write_whole_file(&file, plan.to_toml().as_bytes()).wrap_err("no place for the plan")?;
    let fetched = folder.path().join(args.out.file_name().unwrap_or("table.csv".as_ref()));
    remote.measure(program, &file, &args.sent(remote.name()), &fetched)?;
    let text = std::fs::read_to_string(&fetched).into_diagnostic().wrap_err("no table was fetched")?;
    let name = args.out.display().to_string();
    LatencyTable::parse(&name, &text)?;
    Out::new(&args.out, args.force)?.write(&text)?;
    print(format_args!("fetched {name}\n"));
    Ok(Exit::Done)
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
            ("--device", self.device.clone().or(device)),
            ("--licence", self.licence.clone()),
            ("--context", Some(context.to_owned())),
            ("--rounds", Some(self.rounds.to_string())),
            ("--passes", Some(self.passes.to_string())),
            ("--seed", Some(self.seed.to_string())),
        ];
        let given = options.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?]));
        given.flatten().chain(self.quiet.then(|| "--quiet".to_owned())).collect()
    }
}

/// The plan that is asked for; `None` if none is.
fn plan(args: &MeasureArgs) -> Result<Option<Plan>, Report> {
    let wanted = args.subject.wanted()?;
    let Some(name) = &args.plan else {
        let Some(wanted) = wanted else { return Ok(None) };
        let (plan, grid) = args.subject.plan(wanted)?;
        grid.into_iter().for_each(say);
        return Ok(Some(plan));
    };
    let (file, text) = read_text(name, "plan", &[])?;
    let plan = Plan::from_toml(&file, &text)?;
    let missing = wanted.iter().flat_map(|wanted| wanted.covers()).find(|asked| !plan.covers.contains(asked));
    if let Some(asked) = missing {
        let made_for: Vec<&str> = plan.covers.iter().map(|covered| covered.name.as_str()).collect();
        let same_name = if made_for.contains(&asked.name.as_str()) { " as it is now" } else { "" };
        return Err(miette!(
            help =
                "plan for it: mbn-latency plan --space FILE --out PLAN; or leave --space and --network out",
            "{file} was made for {}, not for {}{same_name}",
            made_for.join(", "),
            asked.name
        ));
    }
    Ok(Some(plan))
}

/// Where a measurement is kept until its table is written.
pub(super) fn journal(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".measuring");
    name.into()
}

fn drift_note(measured: &Measured) -> Option<String> {
    let drift = Drift::of(&measured.sentinel_ms).filter(Drift::is_notable)?;
    let became = if drift.change > 0.0 { "slower" } else { "faster" };
    Some(format!("the device became {:.1} % {became} while it was measured", 100.0 * drift.change.abs()))
}

/// The value below which a share of sorted errors lies, in percent.
fn percent(sorted: &[f64], share: f64) -> f64 {
    sorted.get((sorted.len() as f64 * share) as usize).map_or(0.0, |error| 100.0 * error)
}

fn report(
    args: &MeasureArgs,
    measured: &Measured,
    left_out: &[f64],
    made: &Provenance,
    seconds: f64,
) -> String {
    let name = args.out.display();
    let mut errors: Vec<f64> = measured.units.values().map(Summary::relative_error).collect();
    errors.sort_by(f64::total_cmp);
    let sum = |of: fn(&Summary) -> usize| -> usize { measured.units.values().map(of).sum() };
    let (count, outliers) = (sum(|summary| summary.count), sum(|summary| summary.outliers));
    let mut text = format!(
        "{name}: {} of {}, {}, {}\n\
         medians are known to ±{:.1} % (half of the rows), ±{:.1} % (95 % of them), at 95 % confidence\n\
         interpolated from the others, a row is off by {:.1} % (half of the rows), {:.1} % (95 % of them)\n\
         {:.2} % of {count} times are outliers\n",
        plural(measured.units.len(), "row"),
        made.device,
        made.runtime,
        minutes(seconds),
        percent(&errors, 0.5),
        percent(&errors, 0.95),
        percent(left_out, 0.5),
        percent(left_out, 0.95),
        100.0 * outliers as f64 / count.max(1) as f64,
    );
    let overhead = measured.overhead;
    text += &format!(
        "a call takes {:.1} us by itself; timing an operator {:+.2} us, which is taken off\n",
        1e3 * overhead.call.median_ms,
        1e3 * overhead.of_operator_ms
    );
    if let Some(drift) = Drift::of(&measured.sentinel_ms) {
        text += &format!(
            "sentinel: {} times, {:.3} ms, changed by {:+.1} % from first to last{}\n",
            drift.times,
            drift.median_ms,
            100.0 * drift.change,
            if drift.is_notable() { "" } else { ", no drift" }
        );
    }
    for note in &made.notes {
        text += &format!("warning: {note}\n");
    }
    text + &format!("next: mbn-latency validate --target {name} --space SPACE\n")
}

pub(super) fn minutes(seconds: f64) -> String {
    if seconds < 90.0 { format!("{seconds:.0} s") } else { format!("{:.1} min", seconds / 60.0) }
}
