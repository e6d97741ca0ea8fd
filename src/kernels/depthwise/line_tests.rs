//! Rows of planned depthwise convolutions against their definition.

use rstest::rstest;

use super::{Correlate, Line, LineGradients};
use crate::kernels::matmul::Moments;
use crate::kernels::simd::dispatch;
use crate::kernels::testing::{assert_close, values, wide};

/// Sources, weights and kernel rows of one row of targets.
struct Case {
    source: Vec<f32>,
    weights: Vec<f32>,
    lines: Vec<Line>,
    taps: usize,
    step: usize,
    channels: usize,
    count: usize,
}

impl Case {
    fn new(taps: usize, step: usize, channels: usize, count: usize) -> Self {
        let (rows, width) = (3, (count - 1) * step + taps + 1);
        let line = |row: usize| Line {
            source: (row * width + 1) * channels,
            weights: ((rows - 1 - row) * taps) * channels,
        };
        Self {
            source: values(rows * width * channels, 1),
            weights: values(rows * taps * channels, 2),
            lines: (0..rows).map(line).collect(),
            taps,
            step,
            channels,
            count,
        }
    }

    /// `(target, channel, source, weight)` of every product.
    fn products(&self) -> impl Iterator<Item = [usize; 4]> + '_ {
        self.lines.iter().flat_map(move |line| {
            (0..self.count * self.taps * self.channels).map(move |i| {
                let (o, t, c) =
                    (i / self.channels / self.taps, i / self.channels % self.taps, i % self.channels);
                let source = line.source + (o * self.step + t) * self.channels + c;
                [o, c, source, line.weights + t * self.channels + c]
            })
        })
    }
}

#[rstest]
fn a_row_of_targets_follows_the_definition(
    #[values(1, 2, 3, 4, 5, 7, 9)] taps: usize,
    #[values(1, 2, 3)] step: usize,
    #[values(1, 16, 24, 35)] channels: usize,
    #[values(1, 5, 15)] count: usize,
) {
    let case = Case::new(taps, step, channels, count);
    let (source, weights) = (wide(&case.source), wide(&case.weights));
    let mut expected = vec![0.0; count * channels];
    for [o, c, from, weight] in case.products() {
        expected[o * channels + c] += source[from] * weights[weight];
    }
    let target_step = 2;
    let mut target = vec![f32::NAN; count * target_step * channels];
    let shift = values(channels, 3);
    let (mut sums, mut squares) = (vec![1.0; channels], vec![2.0; channels]);
    dispatch(Correlate {
        source: &case.source,
        weights: &case.weights,
        lines: &case.lines,
        taps,
        step,
        channels,
        target: &mut target,
        target_step,
        count,
        moments: Some(Moments { shift: &shift, sums: &mut sums, squares: &mut squares }),
    });
    let written: Vec<f32> =
        target.chunks(target_step * channels).flat_map(|t| t[..channels].to_vec()).collect();
    assert_close(&written, &expected, 1e-5);
    let untouched = target.chunks(target_step * channels).flat_map(|t| &t[channels..]);
    assert!(untouched.copied().all(f32::is_nan), "pixels between targets");
    let shift = &shift;
    let column = |c: usize| expected.iter().skip(c).step_by(channels).map(move |v| v - f64::from(shift[c]));
    assert_close(&sums, &(0..channels).map(|c| 1.0 + column(c).sum::<f64>()).collect::<Vec<_>>(), 1e-5);
    let squared = (0..channels).map(|c| 2.0 + column(c).map(|d| d * d).sum::<f64>());
    assert_close(&squares, &squared.collect::<Vec<_>>(), 1e-5);
}

#[rstest]
fn weight_gradients_follow_the_definition(
    #[values(1, 3, 5, 7, 9)] taps: usize,
    #[values(1, 2, 3)] step: usize,
    #[values(1, 16, 24, 35)] channels: usize,
    #[values(1, 6, 15)] count: usize,
) {
    let case = Case::new(taps, step, channels, count);
    let dz = values(count * channels, 3);
    let mut dw = vec![0.5; case.weights.len()];
    dispatch(LineGradients {
        source: &case.source,
        lines: &case.lines,
        taps,
        step,
        channels,
        dz: &dz,
        dw: &mut dw,
    });
    let mut expected = vec![0.5; case.weights.len()];
    for [o, c, from, weight] in case.products() {
        expected[weight] += f64::from(dz[o * channels + c]) * f64::from(case.source[from]);
    }
    assert_close(&dw, &expected, 1e-5);
}
