//! Numbers as tables state them.

/// A plain decimal with 6 places, more where the number is so small that they would not show four digits.
pub(in crate::latency) fn decimal(value: f64) -> String {
    let places = if value != 0.0 && value.abs() < 1e-3 { 10 } else { 6 };
    let text = format!("{value:.places$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_keep_their_digits_and_round_ones_have_no_zeros() {
        let cases =
            [(1.5, "1.5"), (20.0, "20"), (0.0, "0"), (0.008_482_7, "0.008483"), (1.234e-6, "0.000001234")];
        for (value, text) in cases {
            assert_eq!(decimal(value), text);
        }
    }
}
