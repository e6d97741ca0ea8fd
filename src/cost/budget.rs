//! A budget as people type it: `15ms`, `2ms@phone.csv`, `30M-madds`, `256KiB-peak-memory-int8`.

use std::fmt;
use std::str::FromStr;

use super::Resource;
use crate::latency::IntervalError;
use crate::text_file::{file_name, file_stem};

/// The most that a network may cost.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Budget {
    /// What is limited.
    pub resource: Resource,
    /// Milliseconds, multiply-adds, parameters or bytes.
    pub amount: f64,
    /// The latency table that it is one of, where it names one.
    pub table: Option<String>,
}

/// Budgets that are mistyped, that contradict each other, or that can't be met.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum BudgetError {
    /// A text that is not a budget.
    #[error("`{text}` is not a budget: {reason}")]
    #[diagnostic(help(
        "write 15ms, 800us, 2ms@TABLE, 30M-madds, 1.5M-params, 500k-weight-bytes, 250k-weight-bytes-int8, 1MB-peak-memory or 256KiB-peak-memory-int8"
    ))]
    Text {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Budgets that don't go together with each other or with the other arguments.
    #[error("{message}")]
    #[diagnostic(help("{remedy}"))]
    Arguments {
        /// What is wrong.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// No network within the budgets exists, or none was found.
    #[error("{message}")]
    #[diagnostic(help("{remedy}"))]
    Unreachable {
        /// Which budgets, and what is the least that can be reached.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// The table can't tell what is asked for.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Confidence(#[from] IntervalError),
}

/// Factors of counts, and of counts of bytes.
const COUNTS: [(&str, f64); 3] = [("k", 1e3), ("M", 1e6), ("G", 1e9)];
const BYTES: [(&str, f64); 5] =
    [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("KiB", 1024.0), ("MiB", 1024.0 * 1024.0)];
const DURATIONS: [(&str, f64); 3] = [("us", 1e-3), ("ms", 1.0), ("s", 1e3)];

impl Budget {
    /// Whether a latency table of this name, a path, is the one that the budget names.
    pub fn names(&self, table: &str) -> bool {
        self.table.as_deref().is_some_and(|name| [table, file_name(table), file_stem(table)].contains(&name))
    }

    /// The same as a part of a file's name.
    pub fn file_name(&self) -> String {
        let table = self.table.as_ref().map_or_else(String::new, |table| format!("@{}", file_stem(table)));
        format!("{}{table}", Self { table: None, ..self.clone() })
    }
}

impl FromStr for Budget {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let error = |reason| BudgetError::Text { text: text.to_owned(), reason };
        let (amount, table) = match text.split_once('@') {
            Some((amount, table)) => (amount, Some(table)),
            None => (text, None),
        };
        let counted = Resource::ALL.into_iter().find_map(|resource| {
            let suffix = resource.suffix();
            (!suffix.is_empty()).then(|| Some((resource, amount.strip_suffix(suffix)?))).flatten()
        });
        let (resource, amount) = match counted {
            Some((_, _)) if table.is_some() => return Err(error("only a latency is one of a table")),
            Some((resource, number)) => (resource, count(number, resource.is_in_bytes())),
            None => (Resource::Latency, duration(amount)),
        };
        let amount = amount.map_err(error)?;
        if !(amount.is_finite() && amount > 0.0) {
            return Err(error("it must be above zero"));
        }
        if table.is_some_and(str::is_empty) {
            return Err(error("the table's name is missing behind the @"));
        }
        Ok(Self { resource, amount, table: table.map(str::to_owned) })
    }
}

fn duration(text: &str) -> Result<f64, &'static str> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or("the unit is missing")?;
    let (value, unit) = text.split_at(unit_at);
    let factor = DURATIONS.iter().find(|(known, _)| *known == unit).map(|(_, factor)| factor);
    let factor =
        factor.ok_or("the unit must be us, ms or s, or -madds, -params, -weight-bytes, -peak-memory")?;
    Ok(number(value)? * factor)
}

fn count(text: &str, in_bytes: bool) -> Result<f64, &'static str> {
    let bytes = BYTES.iter().filter(|_| in_bytes);
    let scaled = bytes.chain(&COUNTS).find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (value, factor) = scaled.unwrap_or((text, 1.0));
    Ok(number(value)? * factor)
}

fn number(text: &str) -> Result<f64, &'static str> {
    text.trim().parse().map_err(|_| "it does not start with a number")
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = match self.resource {
            Resource::Latency => ("ms", 1.0),
            Resource::Share => ("", 1.0),
            resource if resource.is_in_bytes() => COUNTS[0],
            _ => COUNTS[1],
        };
        // A quotient that does not lead back to the amount is not its text.
        let scaled = self.amount / factor;
        let (amount, unit) = if scaled * factor == self.amount { (scaled, unit) } else { (self.amount, "") };
        write!(f, "{amount}{unit}{}", self.resource.suffix())?;
        self.table.as_ref().map_or(Ok(()), |table| write!(f, "@{table}"))
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
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("15ms", Resource::Latency, 15.0, "15ms")]
    #[case("1.5 ms", Resource::Latency, 1.5, "1.5ms")]
    #[case("800us", Resource::Latency, 0.8, "0.8ms")]
    #[case("0.02s", Resource::Latency, 20.0, "20ms")]
    #[case("30M-madds", Resource::Madds, 30e6, "30M-madds")]
    #[case("60k-madds", Resource::Madds, 6e4, "0.06M-madds")]
    #[case("1.5G-madds", Resource::Madds, 1.5e9, "1500M-madds")]
    #[case("1000-params", Resource::Params, 1e3, "0.001M-params")]
    #[case("500k-weight-bytes", Resource::WeightBytes, 5e5, "500k-weight-bytes")]
    #[case("250kB-weight-bytes-int8", Resource::WeightBytesInt8, 2.5e5, "250k-weight-bytes-int8")]
    #[case("256KiB-peak-memory-int8", Resource::PeakMemoryInt8, 262_144.0, "262.144k-peak-memory-int8")]
    #[case("1MB-peak-memory", Resource::PeakMemory, 1e6, "1000k-peak-memory")]
    #[case("2MiB-peak-memory", Resource::PeakMemory, 2_097_152.0, "2097.152k-peak-memory")]
    #[case("1GB-weight-bytes", Resource::WeightBytes, 1e9, "1000000k-weight-bytes")]
    fn budgets(#[case] text: &str, #[case] resource: Resource, #[case] amount: f64, #[case] again: &str) {
        let budget: Budget = text.parse().expect(text);
        assert_eq!((budget.resource, &budget.table), (resource, &None));
        assert!((budget.amount / amount - 1.0).abs() < 1e-12, "{}", budget.amount);
        assert_eq!(budget.to_string(), again);
    }

    #[rstest]
    #[case("2ms@phones/x86.csv", "phones/x86.csv", "2ms@x86")]
    #[case("2ms@x86.csv", "x86.csv", "2ms@x86")]
    fn a_latency_can_name_its_table(#[case] text: &str, #[case] table: &str, #[case] file: &str) {
        let budget: Budget = text.parse().expect(text);
        assert_eq!(budget.table.as_deref(), Some(table));
        assert_eq!(budget.to_string(), text);
        assert_eq!(budget.file_name(), file);
        assert!(budget.names(table) && !budget.names("arm.csv"));
    }

    #[test]
    fn tables_are_named_by_path_file_or_stem() {
        let named = |name: &str| format!("2ms@{name}").parse::<Budget>().expect(name);
        for name in ["a/x86.csv", "x86.csv", "x86"] {
            assert!(named(name).names("a/x86.csv"), "{name}");
        }
        assert!(!named("b/x86.csv").names("a/x86.csv"));
    }

    #[rstest]
    #[case("0ms", "above zero")]
    #[case("-3ms", "above zero")]
    #[case("-3M-params", "above zero")]
    #[case("1e999ms", "us, ms or s")]
    #[case("15", "unit is missing")]
    #[case("15min", "us, ms or s")]
    #[case("NaNms", "us, ms or s")]
    #[case("ms", "number")]
    #[case("M-madds", "number")]
    #[case("30M-flops", "us, ms or s")]
    #[case("1KiB-params", "number")]
    #[case("30M-madds@t.csv", "only a latency")]
    #[case("3ms@", "name is missing")]
    #[case("", "unit is missing")]
    fn no_budgets(#[case] text: &str, #[case] says: &str) {
        let error = text.parse::<Budget>().expect_err(text);
        assert!(error.to_string().contains(says), "{error}");
    }

    proptest! {
        #[test]
        fn every_budget_is_read_back(amount in 1e-9..1e15_f64, whole in any::<bool>(), which in 0..7_usize) {
            let amount = if whole { amount.ceil() } else { amount };
            let budget = Budget { resource: Resource::ALL[which], amount, table: None };
            let again: Budget = budget.to_string().parse().expect("its own text");
            prop_assert_eq!(&again, &budget, "{}", budget);
        }
    }
}
