//! A latency budget as people type it: `15ms`.

use std::fmt;
use std::str::FromStr;

/// The largest latency a network may have on the target.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Budget {
    ms: f64,
}

/// A budget that is no duration above zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no budget: {reason}; write a duration such as 15ms, 1.5ms or 800us")]
pub struct BudgetError {
    text: String,
    reason: &'static str,
}

impl Budget {
    /// The budget in milliseconds.
    pub fn ms(self) -> f64 {
        self.ms
    }
}

impl FromStr for Budget {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let error = |reason| BudgetError { text: text.to_owned(), reason };
        let unit_at =
            text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(|| error("the unit is missing"))?;
        let (number, unit) = text.split_at(unit_at);
        let to_ms = match unit {
            "us" => 1e-3,
            "ms" => 1.0,
            "s" => 1e3,
            _ => return Err(error("the unit must be us, ms or s")),
        };
        let value: f64 = number.trim().parse().map_err(|_| error("it does not start with a number"))?;
        let ms = value * to_ms;
        if ms.is_finite() && ms > 0.0 { Ok(Self { ms }) } else { Err(error("it must be above zero")) }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.ms)
    }
}

impl TryFrom<String> for Budget {
    type Error = BudgetError;

    fn try_from(text: String) -> Result<Self, BudgetError> {
        text.parse()
    }
}

impl From<Budget> for String {
    fn from(budget: Budget) -> Self {
        budget.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("15ms", 15.0)]
    #[case("1.5 ms", 1.5)]
    #[case("800us", 0.8)]
    #[case("0.02s", 20.0)]
    fn durations(#[case] text: &str, #[case] ms: f64) {
        let budget: Budget = text.parse().expect(text);
        assert!((budget.ms() - ms).abs() < 1e-12);
        assert_eq!(budget.to_string().parse::<Budget>(), Ok(budget));
    }

    #[rstest]
    #[case("0ms", "above zero")]
    #[case("-3ms", "above zero")]
    #[case("15", "unit is missing")]
    #[case("15min", "us, ms or s")]
    #[case("ms", "number")]
    #[case("NaNms", "us, ms or s")]
    #[case("", "unit is missing")]
    fn no_durations(#[case] text: &str, #[case] says: &str) {
        let error = text.parse::<Budget>().expect_err(text).to_string();
        assert!(error.contains(says), "{error}");
    }
}
