//! How much each iteration saves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The saving of an iteration, as a share of the seed's cost: fixed, or falling by `decay` with every iteration
/// (`R_i = R_0 decay^(i-1)` in the released NetAdapt).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Share of the first iteration.
    pub share: f64,
    /// What is left of it in the next one; 1 for a fixed step.
    pub decay: f64,
}

/// A step never falls below this part of the first one: with no bound, the steps would add up to a limit that may lie
/// above the budget, and the loop would never end.
const SMALLEST_PART: f64 = 0.1;

impl Step {
    /// A fixed step.
    pub fn fixed(share: f64) -> Self {
        Self { share, decay: 1.0 }
    }

    /// Share of the seed's cost that iteration `number`, from 1, saves.
    pub fn share_at(self, number: u32) -> f64 {
        let power = f64::from(number.saturating_sub(1));
        self.share * self.decay.powf(power).max(SMALLEST_PART)
    }
}

/// A text that is no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a step; write a share of the seed's cost such as 1%, or 2.5%*0.96 for steps that shrink"
)]
pub struct StepError(String);

impl FromStr for Step {
    type Err = StepError;

    fn from_str(text: &str) -> Result<Self, StepError> {
        let error = || StepError(text.to_owned());
        let (share, decay) = text.split_once('*').unwrap_or((text, "1"));
        let percent: f64 =
            share.trim().strip_suffix('%').and_then(|n| n.trim().parse().ok()).ok_or_else(error)?;
        let decay: f64 = decay.trim().parse().map_err(|_| error())?;
        let valid = percent > 0.0 && percent < 100.0 && decay > 0.0 && decay <= 1.0;
        if valid { Ok(Self { share: percent / 100.0, decay }) } else { Err(error()) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Shares are typed as percentages: the product may miss them by a rounding.
        write!(f, "{}%", (self.share * 1e10).round() / 1e8)?;
        if self.decay < 1.0 { write!(f, "*{}", self.decay) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("1%", 0.01, 1.0)]
    #[case("2.5%*0.96", 0.025, 0.96)]
    #[case(" 7 % * 0.5 ", 0.07, 0.5)]
    fn steps(#[case] text: &str, #[case] share: f64, #[case] decay: f64) {
        let step: Step = text.parse().expect(text);
        assert!((step.share - share).abs() < 1e-12 && step.decay == decay);
        assert_eq!(step.to_string().parse::<Step>(), Ok(step));
    }

    #[rstest]
    #[case("1")]
    #[case("0%")]
    #[case("100%")]
    #[case("-1%")]
    #[case("1%*0")]
    #[case("1%*1.2")]
    #[case("NaN%")]
    #[case("")]
    fn no_steps(#[case] text: &str) {
        assert!(text.parse::<Step>().is_err(), "{text}");
    }

    #[test]
    fn a_falling_step_still_reaches_any_budget() {
        let step = Step { share: 0.025, decay: 0.96 };
        assert_eq!(step.share_at(1), 0.025);
        assert!((step.share_at(2) - 0.024).abs() < 1e-12);
        let saved: f64 = (1..=400).map(|number| step.share_at(number)).sum();
        assert!(saved > 1.0, "{saved}");
    }
}
