//! What measures: a runtime on this machine, and what disturbed it meanwhile.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::MeasurementError;
use crate::measure::{Goes, MeasureError, host};
use crate::run::events::{Events, TaskEvent};
use crate::runtime::Runtime;

/// A runtime on this machine.
#[derive(Clone, Copy)]
pub struct Machine<'a> {
    /// What runs the networks.
    pub runtime: &'a dyn Runtime,
    /// Threads that it computes with.
    pub threads: u16,
    /// The core that this program stays on, if it stays on one.
    pub core: Option<usize>,
}

impl Machine<'_> {
    /// Runtime with its version.
    pub fn runtime_name(&self) -> String {
        format!("{} {}", self.runtime.name(), self.runtime.version())
    }

    /// Measures, going on with what `journal` holds, and tells how far it has come at each percent. Returns
    /// what was wrong before it began, and what others took of the machine meanwhile, too.
    pub(super) fn watch<R, T>(
        &self,
        events: &Events<'_, TaskEvent<R>>,
        journal: &Path,
        stop: &AtomicBool,
        measure: impl FnOnce(&dyn Runtime, &Path, Goes<'_>) -> Result<Option<T>, MeasureError>,
    ) -> Result<(T, Vec<String>, Vec<String>), MeasurementError> {
        let before = host::warnings(self.core.unwrap_or(0));
        for message in &before {
            events.tell(TaskEvent::Warning { message: message.clone() });
        }
        let ticks = host::Ticks::now();
        let mut told = None;
        let mut goes_on = |done: usize, all: usize| {
            events.set(done as u64, all as u64);
            let percent = 100 * done / all.max(1);
            if told.replace(percent) == Some(percent) {
                events.glance(1, String::new());
            } else {
                events.tell(TaskEvent::Progress);
            }
            !stop.load(Ordering::SeqCst)
        };
        let Some(measured) = measure(self.runtime, journal, &mut goes_on)? else {
            return Err(MeasurementError::Interrupted { journal: journal.to_owned() });
        };
        let disturbance = ticks.zip(host::Ticks::now()).map(|(before, after)| before.disturbance(after));
        let after = disturbance.into_iter().flat_map(host::Disturbance::warnings).collect();
        Ok((measured, before, after))
    }
}

/// What to say of visits that other work of the machine disturbed.
pub(super) fn disturbed_note(disturbed: usize, visits: usize) -> Option<String> {
    (disturbed > 0).then(|| {
        format!(
            "{disturbed} of {visits} visits were disturbed by other work of the machine, and count only where there are no others"
        )
    })
}
