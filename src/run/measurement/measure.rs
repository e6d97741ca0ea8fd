//! The table of this machine.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::machine::{Machine, disturbed_note};
use super::{MeasurementError, MeasurementReport, write};
use crate::latency::LatencyTable;
use crate::measure::{Drift, Measured, Plan, Provenance, Settings, Work, host, measure, table};
use crate::run::events::{Events, Observer, RunKind, TaskEvent};
use crate::run::words::plural;
use crate::stopwatch::{Stopwatch, today};

/// A table that is to be measured.
#[derive(Clone, Copy)]
pub struct MeasurementRun<'a> {
    /// What it has to hold.
    pub plan: &'a Plan,
    /// What measures.
    pub machine: Machine<'a>,
    /// How it is measured.
    pub settings: Settings,
    /// The device's name; what its firmware or processor says if none is given.
    pub device: Option<&'a str>,
    /// Licence of the numbers.
    pub licence: Option<&'a str>,
    /// Where the table goes.
    pub out: &'a Path,
}

/// Where a measurement is kept until its table is written.
pub(super) fn journal(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".measuring");
    name.into()
}

impl MeasurementRun<'_> {
    /// Measures and writes the table, going on where an interrupted measurement of it was.
    ///
    /// # Errors
    /// See [`MeasurementError`].
    pub fn run(
        &self,
        observer: &dyn Observer<TaskEvent<MeasurementReport>>,
        stop: &AtomicBool,
    ) -> Result<MeasurementReport, MeasurementError> {
        let device = self.device.map(str::to_owned).or_else(host::device_name);
        let device = device.ok_or(MeasurementError::NoName)?;
        let events = Events::new(self.out, RunKind::Measurement, 0, observer);
        let (watch, work) = (Stopwatch::start(), Work::of(self.plan, &self.settings));
        events.set(0, work.visits as u64);
        events.tell(TaskEvent::Started { summary: self.summary(&device, &work) });
        let journal = journal(self.out);
        let (measured, before, after) =
            self.machine.watch(&events, &journal, stop, |runtime, journal, goes_on| {
                measure(self.plan, runtime, self.settings, journal, goes_on)
            })?;
        let disturbed = disturbed_note(measured.disturbed, measured.sentinel_ms.len());
        let drift = drift_note(&measured);
        let provenance = Provenance {
            device,
            runtime: self.machine.runtime_name(),
            threads: self.machine.threads,
            date: today(),
            surrounding: self.settings.surrounding,
            licence: self.licence.map(str::to_owned),
            notes: before.into_iter().chain(after).chain(disturbed).chain(drift).collect(),
        };
        let name = self.out.display().to_string();
        let text = table(&measured, self.plan, &provenance);
        let left_out = LatencyTable::parse(&name, &text)?.left_out_errors();
        write(self.out, &text)?;
        // What it holds is in the table now; if it stays, the next measurement of this table is that of the same plan.
        let _ = std::fs::remove_file(&journal);
        let seconds = watch.elapsed().as_secs_f64();
        let report = MeasurementReport::new(name, &measured, &left_out, provenance, seconds);
        events.tell(TaskEvent::Finished(report.clone()));
        Ok(report)
    }

    fn summary(&self, device: &str, work: &Work) -> Vec<String> {
        vec![
            format!(
                "device: {device}, {}, {}",
                self.machine.runtime_name(),
                plural(usize::from(self.machine.threads), "thread")
            ),
            format!(
                "plan: {} in {}, {} visits of about {}",
                plural(self.plan.chosen, "row"),
                plural(self.plan.pieces.len(), "block"),
                work.visits,
                plural(work.carriers, "network")
            ),
        ]
    }
}

fn drift_note(measured: &Measured) -> Option<String> {
    let drift = Drift::of(&measured.sentinel_ms).filter(Drift::is_notable)?;
    let became = if drift.change > 0.0 { "slower" } else { "faster" };
    Some(format!("the device became {:.1} % {became} while it was measured", 100.0 * drift.change.abs()))
}
