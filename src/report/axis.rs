//! Ranges and ticks of an axis: padded ranges, and ticks at round multiples of 1, 2 or 5 times a power of ten.

/// A closed interval of finite values with `lo < hi`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub lo: f64,
    pub hi: f64,
}

impl Range {
    /// The smallest interval around finite `values`; `None` without any value.
    pub(super) fn around(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
        values.into_iter().fold(None, |hull, value| match hull {
            None => Some((value, value)),
            Some((lo, hi)) => Some((value.min(lo), value.max(hi))),
        })
    }

    /// The interval from `lo` to `hi`, widened to at least `least_span` around its middle and then by `padding`
    /// (a share of its span) at both ends.
    pub(super) fn padded((lo, hi): (f64, f64), least_span: f64, padding: f64) -> Self {
        let middle = lo + (hi - lo) / 2.0;
        let half = ((hi - lo).max(least_span) / 2.0) * (1.0 + 2.0 * padding);
        Self { lo: middle - half, hi: middle + half }
    }

    /// The share of the way from `lo` to `hi` at which `value` lies.
    pub(super) fn share(&self, value: f64) -> f64 {
        (value - self.lo) / (self.hi - self.lo)
    }

    /// The interval, extended so that `below` and `above` of the `length` on which it is drawn lie outside of what it
    /// was.
    pub(super) fn with_room(self, length: f64, (below, above): (f64, f64)) -> Self {
        let unit = (self.hi - self.lo) / (length - below - above);
        Self { lo: self.lo - below * unit, hi: self.hi + above * unit }
    }

    pub(super) fn contains(&self, value: f64) -> bool {
        (self.lo..=self.hi).contains(&value)
    }
}

/// The ticks of an axis, ascending, and the decimals that tell them apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ticks {
    pub values: Vec<f64>,
    pub decimals: usize,
    /// Whether the axis is one of square roots, at which their squares are written.
    pub roots: bool,
}

impl Ticks {
    /// At most `most` ticks inside `range`, at multiples of the smallest round step that allows it.
    ///
    /// From `most` = 5 on there are at least two: steps grow by 2.5 at most.
    pub(super) fn inside(range: Range, most: usize) -> Self {
        Self::at_steps(range, most, -9)
    }

    /// Like [`Ticks::inside`], for an axis that counts: steps are whole numbers.
    pub(super) fn whole_inside(range: Range, most: usize) -> Self {
        Self::at_steps(range, most, 0)
    }

    /// Ticks for an axis of square roots: 0, and the roots of round numbers up to `hi`, the largest first, as far as they
    /// are `gap` (a share of the axis) apart.
    ///
    /// Roots lie close at the top, where 1, 2 and 5 alone would leave half of the axis without any.
    pub(super) fn of_roots(hi: f64, gap: f64) -> Self {
        let exponents = (0..=hi.log10().floor() as i32).rev();
        let round = exponents.flat_map(|e| [8, 6, 4, 2, 1].map(|m| Step(m, e).times(1)));
        let mut values: Vec<f64> = Vec::new();
        for root in round.filter(|value| *value <= hi).map(f64::sqrt) {
            let to_next = values.last().map_or(f64::INFINITY, |next| next - root);
            if to_next.min(root) >= gap * hi.sqrt() {
                values.push(root);
            }
        }
        values.push(0.0);
        values.reverse();
        Self { values, decimals: 0, roots: true }
    }

    /// Ticks within `lo..=hi` only, for a quantity that cannot lie outside although its axis reaches further.
    pub(super) fn within(mut self, lo: f64, hi: f64) -> Self {
        self.values.retain(|value| (lo..=hi).contains(value));
        self
    }

    /// The text at a tick.
    pub(super) fn text(&self, value: f64) -> String {
        let value = if self.roots { value * value } else { value };
        format!("{value:.*}", self.decimals).replace('-', "\u{2212}")
    }

    fn at_steps(range: Range, most: usize, least_exponent: i32) -> Self {
        let wanted = (range.hi - range.lo) / most as f64;
        let exponent = (wanted.log10().floor() as i32).max(least_exponent);
        let steps = (exponent..exponent + 3).flat_map(|e| [1, 2, 5].map(|m| Step(m, e)));
        let fitting = steps.into_iter().find(|step| step.count_inside(range) <= most);
        let Step(mantissa, exponent) = fitting.unwrap_or(Step(1, exponent + 3));
        let step = Step(mantissa, exponent);
        let (first, last) = step.multiples_inside(range);
        Self {
            values: (first..=last).map(|k| step.times(k)).collect(),
            decimals: usize::try_from(-exponent).unwrap_or(0),
            roots: false,
        }
    }
}

/// A round step: a mantissa of 1, 2 or 5 times a power of ten.
#[derive(Clone, Copy)]
struct Step(i64, i32);

impl Step {
    /// The `k`-th multiple, rounded once, so that 3 x 0.1 is 0.3.
    fn times(self, k: i64) -> f64 {
        let units = (k * self.0) as f64;
        if self.1 < 0 { units / 10f64.powi(-self.1) } else { units * 10f64.powi(self.1) }
    }

    /// The first and the last `k` whose multiple lies inside `range`, with a tolerance for rounded ends.
    fn multiples_inside(self, range: Range) -> (i64, i64) {
        let step = self.times(1);
        ((range.lo / step - 1e-9).ceil() as i64, (range.hi / step + 1e-9).floor() as i64)
    }

    fn count_inside(self, range: Range) -> usize {
        let (first, last) = self.multiples_inside(range);
        usize::try_from(last - first + 1).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ticks(lo: f64, hi: f64, most: usize) -> Vec<String> {
        let ticks = Ticks::inside(Range { lo, hi }, most);
        ticks.values.iter().map(|&value| ticks.text(value)).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 1.0, 6), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(ticks(37.2, 81.9, 6), ["40", "50", "60", "70", "80"]);
        assert_eq!(ticks(75.17, 75.22, 6), ["75.17", "75.18", "75.19", "75.20", "75.21", "75.22"]);
        assert_eq!(ticks(-0.4, 0.4, 5), ["\u{2212}0.4", "\u{2212}0.2", "0.0", "0.2", "0.4"]);
        assert_eq!(ticks(0.0, 5000.0, 6), ["0", "1000", "2000", "3000", "4000", "5000"]);
    }

    #[test]
    fn counting_axes_have_whole_ticks() {
        let ticks = Ticks::whole_inside(Range { lo: 0.5, hi: 3.5 }, 8);
        assert_eq!((ticks.values, ticks.decimals), (vec![1.0, 2.0, 3.0], 0));
    }

    #[test]
    fn ticks_of_roots_are_called_by_round_squares_and_keep_apart() {
        let ticks = Ticks::of_roots(2048.0, 0.1);
        let texts: Vec<String> = ticks.values.iter().map(|&value| ticks.text(value)).collect();
        assert_eq!(texts, ["0", "80", "200", "600", "1000", "2000"]);
        assert!((ticks.values[4] - 1000f64.sqrt()).abs() < 1e-9);
        assert!(ticks.values.windows(2).all(|pair| pair[1] - pair[0] >= 0.1 * 2048f64.sqrt()));
        assert_eq!(Ticks::of_roots(0.5, 0.1).values, [0.0]);
    }

    #[test]
    fn room_at_the_ends_keeps_the_scale_of_the_rest() {
        let range = Range { lo: 10.0, hi: 20.0 }.with_room(130.0, (20.0, 10.0));
        assert_eq!(range, Range { lo: 8.0, hi: 21.0 });
    }

    #[test]
    fn equal_values_get_a_range_around_them() {
        let range = Range::padded((70.0, 70.0), 1.0, 0.1);
        assert!((range.lo - 69.4).abs() < 1e-9 && (range.hi - 70.6).abs() < 1e-9);
        assert_eq!(Range::around([]), None);
        assert_eq!(Range::around([3.0, 1.0, 2.0]), Some((1.0, 3.0)));
    }

    proptest! {
        #[test]
        fn ticks_lie_inside_in_order_and_read_differently(
            lo in -1e6..1e6f64, exponent in -3..6i32, mantissa in 1.0..10.0f64, most in 5..12usize,
        ) {
            let range = Range { lo, hi: lo + mantissa * 10f64.powi(exponent) };
            let ticks = Ticks::inside(range, most);
            let slack = 1e-6 * (range.hi - range.lo);
            prop_assert!((2..=most).contains(&ticks.values.len()), "{ticks:?}");
            prop_assert!(ticks.values.iter().all(|v| *v >= lo - slack && *v <= range.hi + slack));
            let texts: Vec<String> = ticks.values.iter().map(|&v| ticks.text(v)).collect();
            prop_assert!(texts.windows(2).all(|pair| pair[0] != pair[1]), "{texts:?}");
        }
    }
}
