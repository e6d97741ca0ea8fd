//! What is counted, its words and its units.

use serde::{Deserialize, Serialize};

/// What a network costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Milliseconds on a device.
    Latency,
    /// Multiply-adds of one image.
    Madds,
    /// Trained parameters.
    Params,
    /// Bytes of the weights that inference needs, batch norm folded, in float32: four a value.
    WeightBytes,
    /// The same with weights of one byte and biases of four.
    WeightBytesInt8,
    /// Bytes of the largest set of activations that are needed at once, in float32: four a value.
    PeakMemory,
    /// The same with activations of one byte.
    PeakMemoryInt8,
    /// How much of several budgets is used up, as a share of 1: not asked for, but what is narrowed by where there are
    /// several; see [`overload`](super::overload).
    Share,
}

/// Significant digits of amounts below one unit.
const DIGITS: i32 = 3;

impl Resource {
    /// All that a budget can be given for.
    pub const ALL: [Self; 7] = [
        Self::Latency,
        Self::Madds,
        Self::Params,
        Self::WeightBytes,
        Self::WeightBytesInt8,
        Self::PeakMemory,
        Self::PeakMemoryInt8,
    ];

    /// What ends a budget: `-weight-bytes`; nothing for latencies, whose units say what they are.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Latency | Self::Share => "",
            Self::Madds => "-madds",
            Self::Params => "-params",
            Self::WeightBytes => "-weight-bytes",
            Self::WeightBytesInt8 => "-weight-bytes-int8",
            Self::PeakMemory => "-peak-memory",
            Self::PeakMemoryInt8 => "-peak-memory-int8",
        }
    }

    /// Whether it is counted in bytes.
    pub(super) fn is_in_bytes(self) -> bool {
        matches!(self, Self::WeightBytes | Self::WeightBytesInt8 | Self::PeakMemory | Self::PeakMemoryInt8)
    }

    /// Name of a column or key with an amount of it: milliseconds, numbers or bytes.
    pub fn column(self) -> &'static str {
        match self {
            Self::Latency => "latency_ms",
            Self::Madds => "madds",
            Self::Params => "params",
            Self::WeightBytes => "weight_bytes",
            Self::WeightBytesInt8 => "weight_bytes_int8",
            Self::PeakMemory => "peak_memory",
            Self::PeakMemoryInt8 => "peak_memory_int8",
            Self::Share => "share",
        }
    }

    /// What is measured in a column; a latency's may name its table behind an `@`.
    pub fn of_column(column: &str) -> Option<Self> {
        let name = column.split('@').next().unwrap_or(column);
        Self::ALL.into_iter().find(|resource| resource.column() == name)
    }

    /// A short name for the head of a table.
    pub fn short_name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Madds => "MAdds",
            Self::Params => "params",
            Self::WeightBytes | Self::WeightBytesInt8 => "weights",
            Self::PeakMemory | Self::PeakMemoryInt8 => "memory",
            Self::Share => "budgets",
        }
    }

    /// Its name in a sentence: `number of parameters`.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Madds => "number of multiply-adds",
            Self::Params => "number of parameters",
            Self::WeightBytes => "size of the weights",
            Self::WeightBytesInt8 => "size of the int8 weights",
            Self::PeakMemory => "peak memory",
            Self::PeakMemoryInt8 => "int8 peak memory",
            Self::Share => "share of the budgets",
        }
    }

    /// What follows an amount in [`Self::unit`]s.
    fn unit_text(self) -> &'static str {
        match self {
            Self::Latency => "ms",
            Self::Madds => "M multiply-adds",
            Self::Params => "M parameters",
            Self::WeightBytes => "kB of weights",
            Self::WeightBytesInt8 => "kB of int8 weights",
            Self::PeakMemory => "kB of memory",
            Self::PeakMemoryInt8 => "kB of int8 memory",
            Self::Share => "% of the budgets",
        }
    }

    /// The unit alone: `ms`, `M`, `kB`.
    pub fn unit_symbol(self) -> &'static str {
        match self {
            Self::Latency => "ms",
            Self::Madds | Self::Params => "M",
            Self::WeightBytes | Self::WeightBytesInt8 | Self::PeakMemory | Self::PeakMemoryInt8 => "kB",
            Self::Share => "%",
        }
    }

    /// One more of what people count in: `millisecond`.
    pub fn unit_name(self) -> &'static str {
        match self {
            Self::Latency => "millisecond",
            Self::Madds => "million multiply-adds",
            Self::Params => "million parameters",
            Self::WeightBytes | Self::WeightBytesInt8 => "kilobyte of weights",
            Self::PeakMemory | Self::PeakMemoryInt8 => "kilobyte of memory",
            Self::Share => "percent of the budgets",
        }
    }

    /// Amount of one [`Self::unit_name`].
    pub fn unit(self) -> f64 {
        match self {
            Self::Latency => 1.0,
            Self::Madds | Self::Params => 1e6,
            Self::WeightBytes | Self::WeightBytesInt8 | Self::PeakMemory | Self::PeakMemoryInt8 => 1e3,
            Self::Share => 0.01,
        }
    }

    /// Decimals of an amount from one unit upwards.
    fn usual_decimals(self) -> i32 {
        match self {
            Self::Latency | Self::Madds => 2,
            Self::Params => 3,
            _ => 1,
        }
    }

    /// Decimals that show an amount with three digits or more.
    fn decimals(self, amount: f64) -> usize {
        let size = (amount / self.unit()).abs();
        let decimals = if size > 0.0 && size < 1.0 && size.is_finite() {
            DIGITS - 1 - size.log10().floor() as i32
        } else {
            0
        };
        decimals.max(self.usual_decimals()) as usize
    }

    /// An amount for people.
    pub fn show(self, amount: f64) -> String {
        self.show_beside(amount, amount)
    }

    /// An amount with as many decimals as another one has in [`Self::show`]: for columns, and for differences.
    pub fn show_beside(self, amount: f64, other: f64) -> String {
        format!("{:.*} {}", self.decimals(other), amount / self.unit(), self.unit_text())
    }

    /// An amount for people that is never below the real one: a budget of it can be met.
    pub fn show_up(self, amount: f64) -> String {
        let decimals = self.decimals(amount);
        format!("{:.decimals$} {}", self.rounded_up(amount) / self.unit(), self.unit_text())
    }

    /// The smallest amount with the decimals of [`Self::show`] that is not below `amount`.
    pub(super) fn rounded_up(self, amount: f64) -> f64 {
        let decimals = self.decimals(amount);
        let parsed = |hundredths: f64| {
            // The number that its text stands for, not the nearest result of a division.
            let text = format!("{:.decimals$}", hundredths / 10_f64.powi(decimals as i32));
            text.parse::<f64>().unwrap_or(f64::INFINITY) * self.unit()
        };
        let first = (amount / self.unit() * 10_f64.powi(decimals as i32)).ceil();
        if parsed(first) >= amount { parsed(first) } else { parsed(first + 1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(Resource::Latency, 15.214, "15.21 ms", "15.22 ms")]
    #[case(Resource::Latency, 0.012_34, "0.0123 ms", "0.0124 ms")]
    #[case(Resource::Latency, 0.0, "0.00 ms", "0.00 ms")]
    #[case(Resource::Madds, 56_510_000.0, "56.51 M multiply-adds", "56.51 M multiply-adds")]
    #[case(Resource::Madds, 60_000.0, "0.0600 M multiply-adds", "0.0600 M multiply-adds")]
    #[case(Resource::Params, 2_542_856.0, "2.543 M parameters", "2.543 M parameters")]
    #[case(Resource::Params, 2_543_156.0, "2.543 M parameters", "2.544 M parameters")]
    #[case(Resource::WeightBytesInt8, 2_542_856.0, "2542.9 kB of int8 weights", "2542.9 kB of int8 weights")]
    #[case(Resource::PeakMemory, 12.0, "0.0120 kB of memory", "0.0120 kB of memory")]
    #[case(Resource::Share, 0.987, "98.7 % of the budgets", "98.7 % of the budgets")]
    fn amounts_have_three_digits_or_more(
        #[case] resource: Resource,
        #[case] amount: f64,
        #[case] shown: &str,
        #[case] up: &str,
    ) {
        assert_eq!(resource.show(amount), shown);
        assert_eq!(resource.show_up(amount), up);
    }

    #[test]
    fn a_column_has_the_decimals_of_its_largest() {
        assert_eq!(Resource::Latency.show_beside(0.012_34, 15.0), "0.01 ms");
    }

    proptest! {
        #[test]
        fn what_is_rounded_up_is_enough_and_close(amount in 1e-6..1e9_f64, which in 0..7_usize) {
            let resource = Resource::ALL[which];
            let up = resource.rounded_up(amount);
            let text = resource.show_up(amount);
            let number: f64 = text.split(' ').next().expect("a number").parse().expect("a number");
            prop_assert!(up >= amount && number * resource.unit() >= amount, "{amount} {up} {text}");
            prop_assert!(up <= amount * 1.011 + 1e-12, "{amount} {up}");
        }
    }
}
