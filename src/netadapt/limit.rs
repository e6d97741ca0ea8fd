//! What is limited: latency, multiply-adds or parameters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::graph::LayerGraph;
use crate::latency::{Budget, LatencyTable, MissingRows};

/// What a network costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Milliseconds on a device.
    Latency,
    /// Multiply-adds of one image.
    Madds,
    /// Trained parameters.
    Params,
}

impl Resource {
    /// An amount for people.
    pub fn show(self, amount: f64) -> String {
        match self {
            Self::Latency => format!("{amount:.2} ms"),
            Self::Madds => format!("{:.2} M multiply-adds", amount / 1e6),
            Self::Params => format!("{:.3} M parameters", amount / 1e6),
        }
    }

    /// One more of what people count in: `millisecond`.
    pub fn unit_name(self) -> &'static str {
        match self {
            Self::Latency => "millisecond",
            Self::Madds => "million multiply-adds",
            Self::Params => "million parameters",
        }
    }

    /// Amount of one [`Self::unit_name`].
    pub fn unit(self) -> f64 {
        match self {
            Self::Latency => 1.0,
            Self::Madds | Self::Params => 1e6,
        }
    }
}

/// The most a network may cost: `15ms`, `30M-madds`, `1.5M-params`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Limit {
    /// What is limited.
    pub resource: Resource,
    /// Milliseconds, multiply-adds or parameters.
    pub amount: f64,
}

/// A text that is no limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no budget: {reason}; write 15ms, 30M-madds or 1.5M-params")]
pub struct LimitError {
    text: String,
    reason: String,
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let error = |reason: &str| LimitError { text: text.to_owned(), reason: reason.to_owned() };
        let counted = [("-madds", Resource::Madds), ("-params", Resource::Params)];
        let Some((number, resource)) =
            counted.iter().find_map(|&(suffix, resource)| Some((text.strip_suffix(suffix)?, resource)))
        else {
            let budget: Budget = text.parse().map_err(|_| error("it is neither a duration nor a count"))?;
            return Ok(Self { resource: Resource::Latency, amount: budget.ms() });
        };
        let scales = [("k", 1e3), ("M", 1e6), ("G", 1e9)];
        let (digits, scale) = scales
            .iter()
            .find_map(|&(suffix, scale)| Some((number.strip_suffix(suffix)?, scale)))
            .unwrap_or((number, 1.0));
        let amount =
            digits.trim().parse::<f64>().map_err(|_| error("it does not start with a number"))? * scale;
        if amount.is_finite() && amount > 0.0 {
            Ok(Self { resource, amount })
        } else {
            Err(error("it must be above zero"))
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.resource {
            Resource::Latency => write!(f, "{}ms", self.amount),
            Resource::Madds => write!(f, "{}M-madds", self.amount / 1e6),
            Resource::Params => write!(f, "{}M-params", self.amount / 1e6),
        }
    }
}

impl TryFrom<String> for Limit {
    type Error = LimitError;

    fn try_from(text: String) -> Result<Self, LimitError> {
        text.parse()
    }
}

impl From<Limit> for String {
    fn from(limit: Limit) -> Self {
        limit.to_string()
    }
}

/// Measures what networks cost.
#[derive(Debug, Clone, Copy)]
pub enum Meter<'a> {
    /// Latency by a device's table.
    Latency(&'a LatencyTable),
    /// Multiply-adds.
    Madds,
    /// Parameters.
    Params,
}

impl Meter<'_> {
    /// Cost of a network.
    ///
    /// # Errors
    /// If the table lacks rows that cannot be estimated.
    pub fn cost(&self, graph: &LayerGraph) -> Result<f64, MissingRows> {
        match self {
            Self::Latency(table) => Ok(table.predict(graph)?.latency_ms),
            Self::Madds => Ok(graph.cost().madds as f64),
            Self::Params => Ok(graph.cost().params as f64),
        }
    }

    /// What is measured.
    pub fn resource(&self) -> Resource {
        match self {
            Self::Latency(_) => Resource::Latency,
            Self::Madds => Resource::Madds,
            Self::Params => Resource::Params,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("15ms", Resource::Latency, 15.0)]
    #[case("800us", Resource::Latency, 0.8)]
    #[case("30M-madds", Resource::Madds, 30e6)]
    #[case("1.5G-madds", Resource::Madds, 1.5e9)]
    #[case("300k-params", Resource::Params, 3e5)]
    #[case("1000-params", Resource::Params, 1e3)]
    fn limits(#[case] text: &str, #[case] resource: Resource, #[case] amount: f64) {
        let limit: Limit = text.parse().expect(text);
        assert_eq!(limit.resource, resource);
        assert!((limit.amount / amount - 1.0).abs() < 1e-12);
        let again: Limit = limit.to_string().parse().expect("its own text");
        assert!((again.amount / amount - 1.0).abs() < 1e-12 && again.resource == resource);
    }

    #[rstest]
    #[case("15")]
    #[case("M-madds")]
    #[case("-3M-params")]
    #[case("0M-params")]
    #[case("30M-flops")]
    #[case("")]
    fn no_limits(#[case] text: &str) {
        let error = text.parse::<Limit>().expect_err(text).to_string();
        assert!(error.contains("30M-madds"), "{error}");
    }
}
