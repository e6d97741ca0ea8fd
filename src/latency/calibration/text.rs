//! A calibration and ratios of held-out networks as the header lines of a table.
//!
//! `# calibration: constant_ms 0.12, all 1.03, conv 0.97, conv@112 0.95` and `# held_out: 0.9712, 1.0034, 1.0121`.

use std::fmt;
use std::str::FromStr;

use super::{Calibration, Term};
use crate::graph::UnitKind;
use crate::latency::file::decimal;
use crate::word_list::WordList as _;

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        self.side.map_or(Ok(()), |side| write!(f, "@{side}"))
    }
}

impl FromStr for Term {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, side) = text.split_once('@').map_or((text, None), |(kind, side)| (kind, Some(side)));
        let kind = UnitKind::of_word(kind).ok_or_else(|| {
            let names: Vec<_> = UnitKind::ALL.iter().map(|kind| kind.name()).collect();
            format!("`{kind}` is not a kind of unit; those are {}", names.join(", "))
        })?;
        let side = side.map(|side| match side.parse() {
            Ok(pixels) if pixels > 0 => Ok(pixels),
            _ => Err(format!("`{side}` is not a side of a map in pixels, such as 112")),
        });
        Ok(Self { kind, side: side.transpose()? })
    }
}

impl fmt::Display for Calibration {
    /// The value of the header line, with as many digits as it keeps.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "constant_ms {}", decimal(self.constant_ms))?;
        if self.least_ms > 0.0 {
            write!(f, ", least_ms {}", decimal(self.least_ms))?;
        }
        write!(f, ", all {}", decimal(self.all))?;
        self.factors.iter().try_for_each(|(term, factor)| write!(f, ", {term} {}", decimal(*factor)))
    }
}

impl FromStr for Calibration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut constant_ms, mut least_ms, mut all) = (None, None, None);
        let mut calibration = Self::IDENTITY;
        for item in text.split(',').map(str::trim) {
            let (name, value) = name_and_value(item)?;
            let before = match name {
                "constant_ms" => constant_ms.replace(value),
                "least_ms" if value > 0.0 => least_ms.replace(value),
                "least_ms" => return Err(format!("`{item}`: the smallest network takes more than 0 ms")),
                "all" => all.replace(positive(item, value)?),
                _ => calibration.factors.insert(name.parse()?, positive(item, value)?),
            };
            if before.is_some() {
                return Err(format!("`{name}` stands twice"));
            }
        }
        calibration.constant_ms = constant_ms.ok_or("`constant_ms` is missing")?;
        calibration.least_ms = least_ms.unwrap_or(0.0);
        calibration.all = all.ok_or("`all`, the factor of all other units, is missing")?;
        Ok(calibration)
    }
}

fn name_and_value(item: &str) -> Result<(&str, f64), String> {
    let mut words = item.split_whitespace();
    let parts = (words.next(), words.next().map(str::parse::<f64>), words.next());
    match parts {
        (Some(name), Some(Ok(value)), None) if value.is_finite() => Ok((name, value)),
        _ => Err(format!("`{item}` is not a name and number, such as `conv@112 0.95`")),
    }
}

fn positive(item: &str, value: f64) -> Result<f64, String> {
    if value > 0.0 { Ok(value) } else { Err(format!("a factor is above 0, and `{item}` is not")) }
}

impl Calibration {
    /// The numbers that the header line keeps, so that a table predicts the same before and after it is written.
    #[must_use]
    pub fn rounded(&self) -> Self {
        let kept = |value: f64| decimal(value).parse().expect("a number that was written");
        Self {
            constant_ms: kept(self.constant_ms),
            least_ms: kept(self.least_ms),
            all: kept(self.all),
            factors: self.factors.iter().map(|(term, factor)| (*term, kept(*factor))).collect(),
        }
    }
}

/// The value of a header line `held_out`: ratios of measured over predicted latency, from the smallest.
pub fn held_out_text(ratios: &[f64]) -> String {
    let mut sorted = ratios.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.iter().map(|ratio| format!("{ratio:.4}")).collect::<Vec<_>>().join(", ")
}

/// Reads what [`held_out_text`] writes.
pub(in crate::latency) fn parse_held_out(text: &str) -> Result<Vec<f64>, String> {
    let mut ratios: Vec<f64> = Vec::new();
    for item in text.split(',').map(str::trim) {
        match item.parse::<f64>() {
            Ok(ratio) if ratio > 0.0 && ratio.is_finite() => ratios.push(ratio),
            _ => {
                return Err(format!(
                    "`{item}` is not a ratio of measured over predicted latency, such as 1.0213"
                ));
            }
        }
    }
    if !ratios.is_sorted() {
        return Err("the ratios do not stand in order, from the smallest to the largest".to_owned());
    }
    Ok(ratios)
}
