//! Bounds of predictions as commands use them: one confidence for a whole run, asked for or usual.
//!
//! A bound is a factor of the prediction, see [`Interval`]. So a budget that is to hold with a confidence is a smaller
//! budget of predictions, and whatever works under a budget works with that one.

use super::{Confidence, Interval, IntervalError, LatencyTable};

/// Header of a column of upper bounds.
pub const AT_MOST: &str = "at most";

/// What is known of the measured latencies of networks that a table predicts.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bounds {
    /// Nothing, or the cost is not a latency.
    Unknown,
    /// Bounds that are told beside predictions; budgets are those of predictions.
    Told(Interval),
    /// Bounds that budgets hold for.
    Held(Interval),
}

impl Bounds {
    /// Bounds of the confidence that a budget is to hold with; where none is asked for, bounds of the usual one if the
    /// table can tell them.
    ///
    /// # Errors
    /// If the table cannot tell what is asked for.
    pub fn of(table: &LatencyTable, asked: Option<Confidence>) -> Result<Self, IntervalError> {
        match asked {
            Some(confidence) => table.interval(confidence).map(Self::Held),
            None => Ok(table.interval(Confidence::USUAL).map_or(Self::Unknown, Self::Told)),
        }
    }

    /// The interval that they come from.
    pub fn interval(self) -> Option<Interval> {
        match self {
            Self::Unknown => None,
            Self::Told(interval) | Self::Held(interval) => Some(interval),
        }
    }

    /// What the measured latency of a network does not exceed, in the unit of its prediction.
    pub fn upper(self, predicted: f64) -> Option<f64> {
        self.interval().map(|interval| interval.upper_bound(predicted))
    }

    /// The largest prediction within a budget, in the budget's unit.
    pub fn limit(self, budget: f64) -> f64 {
        match self {
            Self::Unknown | Self::Told(_) => budget,
            Self::Held(interval) => interval.largest_prediction(budget),
        }
    }

    /// What a column of upper bounds means, as a line; nothing where there is none.
    pub fn legend(self) -> String {
        self.interval().map_or_else(String::new, |Interval { confidence, networks, .. }| {
            let percent = confidence.percent();
            format!(
                "{AT_MOST}: the measured latency, with {percent} confidence, from {networks} networks that the table was validated on\n"
            )
        })
    }

    /// What follows a prediction in ms: `, at most 15.00 ms with 95 % confidence`; nothing where no bound is known.
    pub fn beside_prediction(self, predicted_ms: f64) -> String {
        self.interval().map_or_else(String::new, |interval| {
            format!(", {}", at_most(interval.upper_bound(predicted_ms), interval.confidence))
        })
    }

    /// What follows a budget in ms: `, held with 95 % by predictions up to 14.20 ms (61 networks)`; nothing where it is
    /// one of predictions.
    pub fn beside_budget(self, budget_ms: f64) -> String {
        let Self::Held(Interval { confidence, networks, .. }) = self else { return String::new() };
        let limit = rounded_down(self.limit(budget_ms));
        let percent = confidence.percent();
        format!(", held with {percent} by predictions up to {limit:.2} ms ({networks} networks)")
    }
}

/// An upper bound for people: `at most 15.00 ms with 95 % confidence`.
pub fn at_most(upper_ms: f64, confidence: Confidence) -> String {
    format!("{AT_MOST} {:.2} ms with {} confidence", rounded_up(upper_ms), confidence.percent())
}

/// Hundredths that are not passed by the rounding of a product.
const ROUNDING: f64 = 1e-9;

/// To hundredths, so that it is a bound still.
fn rounded_up(ms: f64) -> f64 {
    (100.0 * ms - ROUNDING).ceil() / 100.0
}

/// To hundredths, so that it is within the limit still.
fn rounded_down(ms: f64) -> f64 {
    (100.0 * ms + ROUNDING).floor() / 100.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::latency::{LATENCY_TABLES, held_out_text, with_entries};

    /// The Pixel 1 table with held-out ratios of 1.001, 1.002 and so on.
    fn validated(networks: u32) -> LatencyTable {
        let (name, text) = LATENCY_TABLES[0];
        let ratios: Vec<f64> = (1..=networks).map(|i| 1.0 + f64::from(i) / 1000.0).collect();
        let held_out = (networks > 0).then(|| held_out_text(&ratios));
        LatencyTable::parse(name, &with_entries(text, &[("held_out", held_out)])).expect(name)
    }

    fn confidence(fraction: f64) -> Confidence {
        Confidence::try_from(fraction).expect("a confidence")
    }

    #[test]
    fn a_budget_is_held_only_where_that_is_asked_for() {
        let table = validated(60);
        let held = Bounds::of(&table, Some(confidence(0.9))).expect("enough networks");
        // The 55th of 60 ratios is 1.055.
        assert!((held.limit(21.1) - 20.0).abs() < 1e-12);
        assert_eq!(held.upper(20.0), Some(1.055 * 20.0));
        assert_eq!(held.beside_budget(21.1), ", held with 90 % by predictions up to 20.00 ms (60 networks)");
        assert_eq!(held.beside_prediction(20.0), ", at most 21.10 ms with 90 % confidence");
        let told = Bounds::of(&table, None).expect("no error");
        // The 58th at the usual confidence.
        assert_eq!((told.limit(21.1), told.upper(20.0)), (21.1, Some(1.058 * 20.0)));
        assert_eq!(told.beside_budget(21.1), "");
        assert_eq!(told.beside_prediction(20.0), ", at most 21.16 ms with 95 % confidence");
    }

    #[test]
    fn what_nobody_asked_for_may_be_unknown() {
        for networks in [0, 18] {
            let table = validated(networks);
            assert_eq!(Bounds::of(&table, None), Ok(Bounds::Unknown));
            assert!(Bounds::of(&table, Some(Confidence::USUAL)).is_err());
        }
        let unknown = Bounds::Unknown;
        assert_eq!((unknown.limit(15.0), unknown.upper(15.0)), (15.0, None));
        assert_eq!(unknown.beside_budget(15.0) + &unknown.beside_prediction(15.0), "");
    }

    #[test]
    fn texts_promise_no_more_than_the_numbers() {
        let (up, down) = (rounded_up(5.7201), rounded_down(14.2099));
        assert_eq!((up, down), (5.73, 14.2));
        assert_eq!((rounded_up(14.31), rounded_down(14.31)), (14.31, 14.31));
    }

    proptest! {
        /// Whatever is within the limit has its bound within the budget, and little more is.
        #[test]
        fn the_limit_is_the_largest_prediction_whose_bound_is_within_the_budget(
            budget in 1e-3..1e3_f64,
            upper in 0.5..2.0_f64,
            below in 0.0..1.0_f64,
        ) {
            let interval = Interval { confidence: Confidence::USUAL, networks: 60, upper, two_sided: None };
            let bounds = Bounds::Held(interval);
            let limit = bounds.limit(budget);
            prop_assert!(bounds.upper(limit) <= Some(budget));
            prop_assert!(bounds.upper(below * limit) <= Some(budget));
            prop_assert!(bounds.upper(limit * (1.0 + 1e-12)) > Some(budget));
        }
    }
}
