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

/// The decimals, at most 9, that show three significant digits of `value`.
fn decimals(value: f64) -> usize {
    if value == 0.0 {
        return 2;
    }
    (2.0 - value.abs().log10().floor()).clamp(0.0, 9.0) as usize
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
    fn brief_numbers_end_in_no_zero_and_do_not_vanish() {
        let cases = [(100.0, "100"), (51.25, "51.25"), (51.5, "51.5"), (0.0123, "0.0123"), (0.0, "0")];
        for (value, text) in cases {
            assert_eq!(brief(value), text);
        }
    }
}
