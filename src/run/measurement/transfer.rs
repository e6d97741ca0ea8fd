//! The table of a new device from that of another one and few whole networks measured on the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::transfer_report::{Next, TransferReport};
use super::{MeasurementError, write};
use crate::diagnostic::FileError;
use crate::graph::LayerGraph;
use crate::latency::audit::audit;
use crate::latency::{
    Candidates, LATENCY_TABLES, LatencyTable, MeasuredNetwork, Measurement, Measurements, Transfer,
    held_out_text, propose, with_entries,
};
use crate::space::SearchSpace;
use crate::spec::{ArchId, NetworkSpec};
use crate::text_file::{file_name, read_text};

/// What the networks of a file teach about the table of another device.
pub struct TransferRun {
    source: LatencyTable,
    source_text: String,
    /// The file of the measurements.
    file: String,
    measurements: Measurements,
    measured: BTreeSet<ArchId>,
    transfer: Transfer,
    /// What is to be told.
    pub report: TransferReport,
}

impl TransferRun {
    /// Reads the other device's table `from` and the measurements of the new one in `file`, and fits; `network` is the
    /// network of a row, whose file may lie in the folder of `file`.
    ///
    /// # Errors
    /// If a file cannot be read, a network is there twice or cannot be priced, or the networks tell nothing.
    pub fn open(
        from: &str,
        file: &str,
        network: impl Fn(&Measurements, &Measurement, &Path) -> Result<NetworkSpec, FileError>,
    ) -> Result<Self, MeasurementError> {
        let (from, source_text) = read_text(from, "latency table", LATENCY_TABLES)?;
        let source = LatencyTable::parse(&from, &source_text)?;
        let (name, text) = read_text(file, "file of measurements", &[])?;
        let measurements = Measurements::parse(&name, &text)?;
        let (mut names, mut measured) = (Vec::new(), Vec::new());
        let mut lines: BTreeMap<ArchId, usize> = BTreeMap::new();
        for row in &measurements.rows {
            let network = network(&measurements, row, folder(file))?;
            if let Some(line) = lines.insert(network.arch_id(), row.line) {
                let message = format!("this is the network of line {line}");
                return Err(measurements
                    .error(row, message)
                    .with_remedy("keep one row for each network")
                    .into());
            }
            let sums = source.term_sums(&LayerGraph::lower(&network)).map_err(|missing| {
                let remedy = format!("leave the row out, or {}", missing.remedy);
                measurements.error(row, missing.to_string()).with_remedy(remedy)
            })?;
            names.push(row.to_string());
            measured.push(MeasuredNetwork {
                sums,
                measured_ms: row.latency_ms,
                relative_noise: row.relative_noise,
            });
        }
        let transfer = Transfer::fit(&source, &measured)?;
        let report = TransferReport::new(&source, &names, &transfer);
        let measured = lines.into_keys().collect();
        Ok(Self { source, source_text, file: file.to_owned(), measurements, measured, transfer, report })
    }

    /// The other device's table.
    pub fn source(&self) -> &LatencyTable {
        &self.source
    }

    /// Writes the other device's rows under the lines of `stated`, which describe the new device; `given` are the
    /// source and the licence of the numbers, which stay as they are where none is given: the rows come from there.
    ///
    /// # Errors
    /// If the table is none, or cannot be written.
    pub fn write(
        &mut self,
        out: &Path,
        stated: Vec<(&'static str, String)>,
        given: [(&'static str, Option<String>); 2],
    ) -> Result<(), MeasurementError> {
        let measurements = file_name(&self.file);
        let method = format!(
            "rows of {}, corrected by {} whole networks of {measurements}; held_out are these networks, each predicted from the others",
            file_name(&self.source.name),
            self.transfer.left_out.len(),
        );
        let stated = stated.into_iter().map(|(key, value)| (key, Some(value)));
        let learned = [
            ("runtime", None),
            ("date", None),
            ("method", Some(method)),
            ("calibration", Some(self.transfer.calibration.to_string())),
            ("held_out", Some(held_out_text(&self.transfer.ratios()))),
            ("space", Some(format!("the networks of {measurements}"))),
        ];
        let given = given.into_iter().filter(|(_, value)| value.is_some());
        let entries: Vec<(&str, Option<String>)> = stated.chain(learned).chain(given).collect();
        let text = with_entries(&self.source_text, &entries);
        let name = out.display().to_string();
        LatencyTable::parse(&name, &text)?;
        write(out, &text)?;
        let audit = audit(&name, &text);
        self.report.written(name, &audit);
        Ok(())
    }

    /// Chooses the network of a space, among so many, whose measurement would teach most, and writes it beside the
    /// measurements.
    ///
    /// # Errors
    /// If none can be priced, or it cannot be written.
    pub fn propose(&mut self, space: &SearchSpace, count: u32, seed: u64) -> Result<(), MeasurementError> {
        let among = Candidates { space, count, seed, measured: &self.measured };
        let proposal = propose(&self.source, &self.transfer.fitted, among)?;
        let file = format!("{}-{}.toml", space.name, proposal.network.arch_id());
        let path = folder(&self.file).join(&file);
        write(&path, &proposal.network.to_toml())?;
        self.report.next = Some(Next::new(&proposal, &path, self.measurements.line_for(&file)));
        Ok(())
    }
}

fn folder(file: &str) -> &Path {
    Path::new(file).parent().unwrap_or(Path::new(""))
}
