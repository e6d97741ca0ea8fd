//! A calibration and held-out networks that do not fit the rows below them.

use super::content::Content;
use super::{Finding, FindingKind, Severity};
use crate::latency::file::entry_span;
use crate::latency::{Confidence, Term};
use crate::robust::median;

/// Median error of networks that the fit has not seen, as a fraction, from which on it is worth a warning.
const BIASED: f64 = 0.1;

pub(super) fn findings(file: &str, text: &str, content: &Content) -> Vec<Finding> {
    let line_of = |key| text[..entry_span(file, text, key).start].matches('\n').count() + 1;
    let without_rows = without_rows(content).map(|message| (message, "calibration", Severity::Warning));
    let biased = biased(content).map(|message| (message, "held_out", Severity::Warning));
    let few = few(content).map(|message| (message, "held_out", Severity::Note));
    let finding = |(message, key, severity)| {
        let remedy = "validate the table again, on more networks and after every change of its rows";
        Finding::new(FindingKind::Calibration, severity, line_of(key), message, remedy)
    };
    [without_rows, biased, few].into_iter().flatten().map(finding).collect()
}

/// Factors of terms that the table has no row of.
fn without_rows(content: &Content) -> Option<String> {
    let calibration = content.header.calibration.as_ref()?;
    let has_row = |term: &Term| {
        content
            .units
            .iter()
            .map(|measured| Term::of(&measured.unit))
            .any(|of| of == *term || of.of_kind() == *term)
    };
    let unused: Vec<String> =
        calibration.factors.keys().filter(|term| !has_row(term)).map(ToString::to_string).collect();
    let message = format!("the calibration corrects {}, which no row is of", unused.join(", "));
    (!unused.is_empty()).then_some(message)
}

fn biased(content: &Content) -> Option<String> {
    let ratio = median(&content.header.held_out)?;
    let message = format!(
        "networks that the calibration has not seen take {ratio:.2} times their predicted latency in the median"
    );
    ((ratio - 1.0).abs() > BIASED).then_some(message)
}

fn few(content: &Content) -> Option<String> {
    let networks = content.header.held_out.len();
    let usual = Confidence::USUAL;
    let needed = usual.networks_needed();
    let message =
        format!("{networks} held-out networks give no bound of confidence {usual}: it takes {needed}");
    (networks > 0 && networks < needed).then_some(message)
}
