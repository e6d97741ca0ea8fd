//! Rows far from what the other rows of their family predict.
//!
//! Each row is predicted from all others of its family (leave-one-out kriging in closed form, Dubrule 1983). What counts
//! is the logarithm of measured over predicted, less the median of the same logarithm in the families that differ in
//! kernel size or squeeze-excite only: what they share is the device's doing, not a mistake in one row. It is judged by
//! its modified z-score within the family (Iglewicz and Hoaglin 1993). A bad row spoils the predictions of its
//! neighbours, so the worst one is taken out and the others are judged again, until none is left. Rows at a floor are
//! told as such and not judged.

use std::collections::BTreeMap;

use super::content::{Content, Measured, sisterhood};
use super::floor;
use super::{Finding, FindingKind, Severity};
use crate::graph::UnitFamily;
use crate::latency::interpolate::{ChannelModel, Sample};
use crate::latency::row::channels;
use crate::latency::table::geometry;
use crate::robust::{Robust, median};

/// The limit of Iglewicz and Hoaglin.
const OUTLYING: f64 = 3.5;

/// Deviations below this factor are not told, however regular the others are.
const NOTICEABLE: f64 = 1.3;

/// Rows that a family needs for its errors to have a scale.
const ENOUGH: usize = 8;

/// The largest part of a family that can be outliers: beyond, the family has no rule to break.
const MOST: f64 = 0.1;

/// A row with what the others predict for it.
#[derive(Debug, Clone, Copy)]
struct Judged {
    measured: Measured,
    predicted_ms: f64,
    /// Logarithm of measured over predicted by its own family.
    own: f64,
    /// The same, less what sister families show at these channels.
    informed: f64,
}

pub(super) fn findings(content: &Content) -> Vec<Finding> {
    let floor = floor::floor_ms(content).unwrap_or(0.0);
    let mut families = content.families();
    for (_, rows) in &mut families {
        rows.retain(|measured| measured.row.latency_ms > floor);
    }
    let shared = Deviations::of(&families);
    families.iter().flat_map(|(family, rows)| outliers(family, rows, &shared)).collect()
}

fn outliers(family: &UnitFamily, rows: &[Measured], shared: &Deviations) -> Vec<Finding> {
    let mut kept = rows.to_vec();
    let mut findings = Vec::new();
    let most = (MOST * rows.len() as f64).ceil() as usize;
    while kept.len() >= ENOUGH && findings.len() < most {
        let judged = judge(family, &kept, shared);
        let informed: Vec<f64> = judged.iter().map(|row| row.informed).collect();
        let Some(scale) = Robust::of(&informed) else { break };
        let score = |row: &Judged| scale.z_score(row.informed);
        let outlying = judged.iter().filter(|row| is_noticeable(row) && score(row).abs() > OUTLYING);
        let Some(worst) = outlying.max_by(|a, b| a.informed.abs().total_cmp(&b.informed.abs())) else {
            break;
        };
        findings.push(finding(worst, score(worst)));
        kept.retain(|measured| measured.line != worst.measured.line);
    }
    findings
}

/// Whether the row stands out with and without regard to sister families, in the same direction.
fn is_noticeable(row: &Judged) -> bool {
    let least = row.own.abs().min(row.informed.abs());
    least > NOTICEABLE.ln() && row.own.signum() == row.informed.signum()
}

fn judge(family: &UnitFamily, rows: &[Measured], shared: &Deviations) -> Vec<Judged> {
    let samples: Vec<Sample> = rows
        .iter()
        .map(|measured| Sample { channels: channels(&measured.unit), latency_ms: measured.row.latency_ms })
        .collect();
    let Ok(model) = ChannelModel::fit(geometry(family), &samples) else { return Vec::new() };
    let judged = rows.iter().filter_map(|measured| {
        let left_out_ms = model.left_out(channels(&measured.unit))?.latency_ms;
        let own = (measured.row.latency_ms / left_out_ms).ln();
        let expected = shared.of_sisters(family, channels(&measured.unit));
        let predicted_ms = left_out_ms * expected.exp();
        Some(Judged { measured: *measured, predicted_ms, own, informed: own - expected })
    });
    judged.collect()
}

/// What families that differ in kernel size or squeeze-excite share, and the channels of a row.
type SisterRows = (UnitFamily, [u32; 3]);

/// Logarithms of measured over predicted, by family.
#[derive(Default)]
struct Deviations(BTreeMap<SisterRows, Vec<(UnitFamily, f64)>>);

impl Deviations {
    fn of(families: &[(UnitFamily, Vec<Measured>)]) -> Self {
        let mut all = Self::default();
        for (family, rows) in families {
            for row in judge(family, rows, &Self::default()) {
                let key = (sisterhood(family), channels(&row.measured.unit));
                all.0.entry(key).or_default().push((*family, row.own));
            }
        }
        all
    }

    /// The median of the sister families at these channels; 0 where there are none.
    fn of_sisters(&self, family: &UnitFamily, channels: [u32; 3]) -> f64 {
        let known = self.0.get(&(sisterhood(family), channels));
        let sisters = known.into_iter().flatten().filter(|(other, _)| other != family);
        median(&sisters.map(|(_, deviation)| *deviation).collect::<Vec<_>>()).unwrap_or(0.0)
    }
}

fn finding(row: &Judged, score: f64) -> Finding {
    let Judged { measured, predicted_ms, .. } = row;
    let message = format!(
        "{}: {} ms, where its neighbours predict {predicted_ms:.4} ms (z {:.1})",
        measured.unit,
        measured.row.latency_ms,
        score.clamp(-999.0, 999.0),
    );
    Finding::new(
        FindingKind::Outlier,
        Severity::Warning,
        measured.line,
        message,
        "measure the row again; a search will find and use a row that is too fast",
    )
}
