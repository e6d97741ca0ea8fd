//! Numbers as short texts beside a datum, where no axis chooses their decimals.

/// `value` with two decimals, or with those that show three of its digits, without trailing zeros.
pub(super) fn brief(value: f64) -> String {
    let text = format!("{value:.*}", decimals(value).max(2));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `value` with three significant digits.
pub(super) fn short(value: f64) -> String {
    format!("{value:.*}", decimals(value))
}

/// `value`, at least 0, with this many decimals; one that would vanish is said to be below the least that would not.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let vanishes = value > 0.0 && !text.contains(|c: char| ('1'..='9').contains(&c));
    if vanishes { format!("<{:.decimals$}", 0.1f64.powi(decimals as i32)) } else { text }
}

/// The decimals, at most 9, that show three significant digits of `value`.
fn decimals(value: f64) -> usize {
    decimals_of(value, 3)
}

/// The decimals, at most 9, that show this many significant digits of `value`.
pub(super) fn decimals_of(value: f64, digits: i32) -> usize {
    let first = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    (f64::from(digits - 1) - first).clamp(0.0, 9.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_have_three_digits() {
        let cases = [
            (1234.5, "1234"),
            (113.4, "113"),
            (51.25, "51.2"),
            (5.0, "5.00"),
            (0.0123, "0.0123"),
            (0.0, "0.00"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn numbers_of_a_column_have_its_decimals_and_do_not_vanish() {
        assert_eq!((decimals_of(12.5, 4), decimals_of(0.05, 4), decimals_of(0.0, 4)), (2, 5, 3));
        assert_eq!(decimals_of(1e7, 4), 0);
        let cases = [(12.5, "12.50"), (0.005, "0.01"), (0.0049, "<0.01"), (0.0, "0.00")];
        for (value, text) in cases {
            assert_eq!(fixed(value, 2), text);
        }
    }

    #[test]
    fn brief_numbers_end_in_no_zero_and_do_not_vanish() {
        let cases = [(100.0, "100"), (51.25, "51.25"), (51.5, "51.5"), (0.0123, "0.0123"), (0.0, "0")];
        for (value, text) in cases {
            assert_eq!(brief(value), text);
        }
    }
}
