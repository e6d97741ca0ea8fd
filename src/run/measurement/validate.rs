//! What a table's predictions are worth on whole networks: they are drawn and measured, some of them are fitted, the
//! others judge.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::machine::{Machine, disturbed_note};
use super::measure::journal;
use super::{MeasurementError, Validation, ValidationReport, write};
use crate::graph::LayerGraph;
use crate::latency::{
    Calibration, Comparison, Figures, LATENCY_TABLES, LatencyTable, MeasuredNetwork, held_out_text,
    with_entries,
};
use crate::measure::{Summary, WholeSettings, measure_whole};
use crate::run::events::{Events, Observer, RunKind, TaskEvent};
use crate::seed;
use crate::space::SearchSpace;
use crate::spec::NetworkSpec;
use crate::text_file::read_text;

/// A table with the text that it was read from.
struct Target {
    path: PathBuf,
    text: String,
    table: LatencyTable,
}

/// Tables that are to be validated, and the networks that do it.
pub struct ValidationRun<'a> {
    space: &'a SearchSpace,
    /// Networks that the corrections are fitted to: the first ones.
    fit: usize,
    settings: WholeSettings,
    /// A folder for figures, all networks and a plot.
    pub report: Option<&'a Path>,
    /// Whether the tables stay as they are.
    pub dry_run: bool,
    targets: Vec<Target>,
    networks: Vec<NetworkSpec>,
    graphs: Vec<LayerGraph>,
}

impl<'a> ValidationRun<'a> {
    /// Draws `count` networks of a space, all of which the tables can price, to fit corrections to `fit` of them. The
    /// seed of `settings` decides which these are.
    ///
    /// # Errors
    /// If a table cannot be read or lacks rows, or the space has too few networks.
    pub fn new(
        targets: &[PathBuf],
        space: &'a SearchSpace,
        [count, fit]: [usize; 2],
        settings: WholeSettings,
    ) -> Result<Self, MeasurementError> {
        if fit >= count {
            return Err(MeasurementError::NoneLeft { fit, networks: count });
        }
        let targets = targets.iter().map(|path| Target::read(path)).collect::<Result<Vec<_>, _>>()?;
        let networks = space.draw_networks(count, &mut seed::rng(settings.seed, "validation networks", 0));
        if networks.len() < count {
            return Err(MeasurementError::SmallSpace { found: networks.len() });
        }
        let graphs: Vec<LayerGraph> = networks.iter().map(LayerGraph::lower).collect();
        for (target, graph) in
            targets.iter().flat_map(|target| graphs.iter().map(move |graph| (target, graph)))
        {
            target.table.predict(graph)?;
        }
        Ok(Self { space, fit, settings, report: None, dry_run: false, targets, networks, graphs })
    }

    /// Measures the networks, going on where an interrupted validation was, fits and judges, and writes what was
    /// learned into the tables.
    ///
    /// # Errors
    /// See [`MeasurementError`].
    pub fn run(
        &self,
        machine: &Machine<'_>,
        observer: &dyn Observer<TaskEvent<Validation>>,
        stop: &AtomicBool,
    ) -> Result<Validation, MeasurementError> {
        self.check_runtime(machine)?;
        // Options of the command line ask for at least one.
        let first = &self.targets[0].path;
        let (networks, fit, settings) = (self.networks.len(), self.fit, self.settings);
        let events = Events::new(first, RunKind::Validation, (networks * settings.rounds) as u64, observer);
        let space = &self.space.name;
        events.tell(TaskEvent::Started {
            summary: vec![format!(
                "{networks} networks of {space}: {fit} to fit, {} to judge",
                networks - fit
            )],
        });
        let journal = journal(first);
        let (measured, _, after) = machine.watch(&events, &journal, stop, |runtime, journal, goes_on| {
            measure_whole(&self.networks, runtime, settings, journal, goes_on)
        })?;
        for message in disturbed_note(measured.disturbed, measured.visits).into_iter().chain(after) {
            events.tell(TaskEvent::Warning { message });
        }
        let _ = std::fs::remove_file(&journal);
        let mut reports = Vec::new();
        for target in &self.targets {
            reports.push(self.validated(target, &measured.networks)?);
        }
        let validation = Validation { reports };
        events.tell(TaskEvent::Finished(validation.clone()));
        Ok(validation)
    }

    fn check_runtime(&self, machine: &Machine<'_>) -> Result<(), MeasurementError> {
        let asked = format!("{}, {} thread(s)", machine.runtime_name(), machine.threads);
        for Target { path, table, .. } in &self.targets {
            let entry = |key: &str| table.header.entries.get(key).map_or("not stated", String::as_str);
            let stated = format!("{}, {} thread(s)", entry("runtime"), entry("threads"));
            if stated != asked {
                return Err(MeasurementError::OtherRuntime { table: path.clone(), stated, asked });
            }
        }
        Ok(())
    }

    /// Fits, judges, and writes what was learned.
    fn validated(&self, target: &Target, measured: &[Summary]) -> Result<ValidationReport, MeasurementError> {
        let mut networks = Vec::new();
        for (graph, summary) in self.graphs.iter().zip(measured) {
            networks.push(MeasuredNetwork {
                sums: target.table.term_sums(graph)?,
                measured_ms: summary.median_ms,
                relative_noise: summary.relative_standard_error(),
            });
        }
        let (fitted, fresh) = networks.split_at(self.fit);
        let calibration = Calibration::fit(fitted)?.calibration.rounded();
        let held_out = compare(&calibration, fresh);
        let report = ValidationReport {
            table: target.path.display().to_string(),
            device: target.table.header.device().to_owned(),
            space: self.space.name.clone(),
            raw: figures(&compare(&Calibration::IDENTITY, fresh)),
            figures: figures(&held_out),
            calibration: calibration.to_string(),
            noise_percent: 100.0 * median_noise(measured),
            fitted: compare(&calibration, fitted),
            held_out,
        };
        if let Some(folder) = self.report {
            report.write(folder)?;
        }
        if !self.dry_run {
            target.keep(&report)?;
        }
        Ok(report)
    }
}

impl Target {
    fn read(path: &Path) -> Result<Self, MeasurementError> {
        let (file, text) = read_text(&path.to_string_lossy(), "latency table", LATENCY_TABLES)?;
        let table = LatencyTable::parse_measured(&file, &text)?;
        Ok(Self { path: path.to_owned(), text, table })
    }

    /// Writes what was learned into the header.
    fn keep(&self, report: &ValidationReport) -> Result<(), MeasurementError> {
        let mut ratios: Vec<f64> = report.held_out.iter().map(|network| network.ratio()).collect();
        ratios.sort_by(f64::total_cmp);
        let entries = [
            ("calibration", Some(report.calibration.clone())),
            ("held_out", Some(held_out_text(&ratios))),
            ("space", Some(report.space.clone())),
        ];
        write(&self.path, &with_entries(&self.text, &entries))
    }
}

fn compare(calibration: &Calibration, networks: &[MeasuredNetwork]) -> Vec<Comparison> {
    let comparison = |network: &MeasuredNetwork| Comparison {
        predicted_ms: calibration.predict_ms(&network.sums),
        measured_ms: network.measured_ms,
    };
    networks.iter().map(comparison).collect()
}

fn figures(networks: &[Comparison]) -> Figures {
    Figures::of(networks).expect("fewer networks are fitted than there are, so that some are held out")
}

fn median_noise(measured: &[Summary]) -> f64 {
    let noise: Vec<f64> = measured.iter().map(Summary::relative_standard_error).collect();
    crate::robust::median(&noise).expect("networks were measured")
}
