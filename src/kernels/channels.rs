//! Loops over `[m, c]` where every channel has parameters or sums of its own.
//!
//! A row of 16 channels is too short for a vector loop to pay. As rows follow each other without gaps, the
//! per-channel values are repeated up to a *period* of at least [`SHORTEST`] values instead, and the data
//! is walked one period at a time; the last one may be cut short.

use super::parallel::PIECE;

/// Shortest period, in values.
const SHORTEST: usize = 256;

/// The period for `channels` channels: a multiple of them.
pub(crate) fn period(channels: usize) -> usize {
    channels * SHORTEST.div_ceil(channels.max(1))
}

/// Size of a piece of work: whole periods, about [`PIECE`] values.
pub(crate) fn piece(period: usize) -> usize {
    period * (PIECE / period.max(1)).max(1)
}

/// `values`, one per channel, repeated to fill `period`.
pub(crate) fn repeat(values: &[f32], period: usize) -> Vec<f32> {
    values.iter().copied().cycle().take(period).collect()
}

/// Periods of `rows`, four at a time and then one by one.
pub(crate) struct Periods<'a> {
    period: usize,
    rows: &'a [f32],
}

impl<'a> Periods<'a> {
    pub(crate) fn new(rows: &'a [f32], period: usize) -> Self {
        Self { period, rows }
    }

    /// The next four whole periods.
    #[inline(always)]
    pub(crate) fn next_four(&mut self) -> Option<[&'a [f32]; 4]> {
        let (four, rest) = self.rows.split_at_checked(4 * self.period)?;
        self.rows = rest;
        let (a, b) = four.split_at(2 * self.period);
        let ((a, b), (c, d)) = (a.split_at(self.period), b.split_at(self.period));
        Some([a, b, c, d])
    }

    /// The next period, cut short at the end of the rows.
    #[inline(always)]
    pub(crate) fn next_one(&mut self) -> Option<[&'a [f32]; 1]> {
        let (one, rest) = self.rows.split_at(self.period.min(self.rows.len()));
        self.rows = rest;
        (!one.is_empty()).then_some([one])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_holds_whole_rows() {
        for channels in [1, 3, 16, 100, 255, 256, 257, 960] {
            let period = period(channels);
            assert!(period >= SHORTEST && period.is_multiple_of(channels));
            assert!(piece(period).is_multiple_of(period));
        }
    }

    #[test]
    fn periods_visit_every_value_in_order() {
        let rows: Vec<f32> = (0..59).map(|i| i as f32).collect();
        let mut periods = Periods::new(&rows, 6);
        let mut seen = Vec::new();
        while let Some(four) = periods.next_four() {
            seen.extend(four.concat());
        }
        assert_eq!(seen.len(), 48);
        while let Some([one]) = periods.next_one() {
            seen.extend_from_slice(one);
        }
        assert_eq!(seen, rows);
    }
}
