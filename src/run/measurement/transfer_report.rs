//! What a transfer found, for people and for programs.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::audit_summary;
use crate::latency::audit::Audit;
use crate::latency::{Comparison, Confidence, Figures, Interval, LatencyTable, Proposal, Transfer};
use crate::run::words::plural;

/// Confidences that a report tells the bounds of.
const CONFIDENCES: [f64; 3] = [0.8, 0.9, 0.95];

/// What few whole networks teach about another device's table.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TransferReport {
    /// The other device's table.
    from: String,
    /// The other device.
    from_device: String,
    /// The networks that were measured.
    networks: Vec<Network>,
    /// What corrects the rows.
    calibration: String,
    /// Each network predicted from the others.
    left_out: Option<Figures>,
    /// The same by one factor for all rows.
    one_factor: Option<Figures>,
    /// What so many networks tell of some confidences.
    bounds: Vec<Bound>,
    /// The table that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    #[serde(skip)]
    checked: String,
    /// The network to measure next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<Next>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Network {
    /// Its name or file, with what was changed in it.
    network: String,
    /// What the new device took.
    measured_ms: f64,
    /// What the other networks predict for it.
    left_out_ms: f64,
}

/// What so many networks tell of a confidence.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Bound {
    /// The confidence.
    confidence: Confidence,
    /// Networks that a bound of this confidence needs.
    networks_needed: usize,
    /// The factors that bound a latency; none of too few networks.
    interval: Option<Interval>,
}

/// A proposed network.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Next {
    /// The file it was written to.
    file: String,
    /// Its predicted latency.
    predicted_ms: f64,
    /// Standard deviation of the prediction in percent of it.
    stddev_percent: f64,
    /// Networks that it was chosen from.
    candidates: usize,
    /// The line to add to the measurements.
    line: String,
}

impl Next {
    pub(super) fn new(proposal: &Proposal, path: &Path, line: String) -> Self {
        Self {
            file: path.display().to_string(),
            predicted_ms: proposal.predicted_ms,
            stddev_percent: 100.0 * proposal.relative_stddev,
            candidates: proposal.candidates,
            line,
        }
    }

    fn text(&self) -> String {
        format!(
            "next: measure {}, {:.1} ms ± {:.1} %, of {} the one that is known least of, and add\n      {}\n",
            self.file,
            self.predicted_ms,
            self.stddev_percent,
            plural(self.candidates, "network"),
            self.line
        )
    }
}

impl TransferReport {
    pub(super) fn new(source: &LatencyTable, names: &[String], transfer: &Transfer) -> Self {
        let network = |(name, comparison): (&String, &Comparison)| Network {
            network: name.clone(),
            measured_ms: comparison.measured_ms,
            left_out_ms: comparison.predicted_ms,
        };
        let ratios = transfer.ratios();
        let bound = |confidence: Confidence| Bound {
            confidence,
            networks_needed: confidence.networks_needed(),
            interval: Interval::of(&ratios, confidence),
        };
        Self {
            from: source.name.clone(),
            from_device: source.header.device().to_owned(),
            networks: names.iter().zip(&transfer.left_out).map(network).collect(),
            calibration: transfer.calibration.to_string(),
            left_out: Figures::of(&transfer.left_out),
            one_factor: Figures::of(&transfer.one_factor),
            bounds: CONFIDENCES
                .iter()
                .map(|&c| bound(Confidence::try_from(c).expect("each lies between 0 and 1")))
                .collect(),
            table: None,
            checked: String::new(),
            next: None,
        }
    }

    /// Tells that the table stands in a file, and what the audit says of it.
    pub(super) fn written(&mut self, name: String, audit: &Audit) {
        self.table = Some(name);
        self.checked = audit_summary(audit);
    }

    /// A few lines.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} on the rows of {} ({})\n",
            plural(self.networks.len(), "network"),
            self.from,
            self.from_device
        );
        text += &self.networks_text();
        text += &figures_text("each predicted from the others", self.left_out.as_ref());
        text += &figures_text("by one factor for all rows    ", self.one_factor.as_ref());
        text += &self.bounds.iter().map(Bound::text).collect::<String>();
        if let Some(table) = &self.table {
            text += &format!("table: {table}\nchecked: {}", self.checked);
        }
        text + &self.next.as_ref().map(Next::text).unwrap_or_default()
    }

    fn networks_text(&self) -> String {
        let width = self.networks.iter().map(|network| network.network.chars().count()).max().unwrap_or(0);
        let line = |network: &Network| {
            let Network { network: name, measured_ms, left_out_ms } = network;
            let error = 100.0 * (left_out_ms / measured_ms - 1.0);
            format!(
                "  {name:width$}  {measured_ms:8.2} ms  from the others {left_out_ms:8.2} ms  {error:+6.1} %\n"
            )
        };
        self.networks.iter().map(line).collect()
    }
}

fn figures_text(what: &str, figures: Option<&Figures>) -> String {
    let line = |figures: &Figures| {
        format!(
            "{what}  mean |error| {:.1} %, RMSE {:.1} %, within 10 % {:.0} %{}\n",
            figures.mean_absolute_percent,
            figures.rmse_percent,
            100.0 * figures.within_10_percent,
            figures.kendall_tau.map(|tau| format!(", Kendall tau {tau:.2}")).unwrap_or_default(),
        )
    };
    figures.map(line).unwrap_or_default()
}

impl Bound {
    fn text(&self) -> String {
        let Self { confidence, networks_needed, interval } = self;
        match interval {
            Some(interval) => {
                format!(
                    "a network takes less than {:.3} times its prediction with confidence {confidence}\n",
                    interval.upper
                )
            }
            None => format!("a confidence of {confidence} takes {networks_needed} networks\n"),
        }
    }
}
