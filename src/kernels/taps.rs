//! Which sources reach which target through a window, along one axis.
//!
//! A convolution and its adjoint are the same computation: every target position gathers
//! `sum_t source[first + t] * weight[first_weight + t * weight_step]`. Forward, targets are outputs and
//! sources inputs. In the adjoint the roles swap and the kernel is read mirrored, so that sources and
//! weights both ascend; with stride `s` a target is then reached by every `s`-th tap only.

use std::ops::Range;

use super::window::Axis;

/// The sources that reach one target: `count` consecutive ones, each through its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taps {
    /// First source position.
    pub(crate) source: usize,
    /// Weight of the first source; the next ones follow at the gather's `weight_step`.
    pub(crate) weight: usize,
    /// Number of sources; zero when the window lies in the padding altogether.
    pub(crate) count: usize,
}

/// Targets at distance `target_step` that are reached through the same weights, from sources that move
/// on by `source_step`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// First target position.
    pub(crate) target: usize,
    /// Number of targets.
    pub(crate) length: usize,
    /// The sources of the first target.
    pub(crate) taps: Taps,
}

/// The gather along one axis: for every target its taps, and the runs that cover all targets.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    pub(crate) target_step: usize,
    pub(crate) source_step: usize,
    pub(crate) weight_step: usize,
    pub(crate) taps: Vec<Taps>,
    pub(crate) runs: Vec<Run>,
}

impl Gather {
    /// Outputs gather inputs.
    pub(crate) fn forward(axis: Axis) -> Self {
        let taps = (0..axis.output).map(|o| forward_taps(axis, o)).collect();
        Self::new(1, axis.stride, 1, taps)
    }

    /// Input gradients gather output gradients, through the mirrored kernel.
    pub(crate) fn adjoint(axis: Axis) -> Self {
        let taps = (0..axis.input).map(|i| adjoint_taps(axis, i)).collect();
        Self::new(axis.stride, 1, axis.stride, taps)
    }

    fn new(target_step: usize, source_step: usize, weight_step: usize, taps: Vec<Taps>) -> Self {
        let runs = runs(&taps, target_step, source_step);
        Self { target_step, source_step, weight_step, taps, runs }
    }
}

fn forward_taps(axis: Axis, output: usize) -> Taps {
    let start = output * axis.stride;
    let first = axis.pad.saturating_sub(start);
    let end = (axis.input + axis.pad).saturating_sub(start).min(axis.kernel);
    taps(first..end, |weight| start + weight - axis.pad, first)
}

fn adjoint_taps(axis: Axis, input: usize) -> Taps {
    let reach = input + axis.pad;
    let first = (reach + 1).saturating_sub(axis.kernel).div_ceil(axis.stride);
    let end = (reach / axis.stride + 1).min(axis.output);
    let weight = (first * axis.stride + axis.kernel).wrapping_sub(reach + 1);
    taps(first..end, |source| source, weight)
}

/// The taps over `positions`, or none when they are empty.
fn taps(positions: Range<usize>, source: impl Fn(usize) -> usize, weight: usize) -> Taps {
    if positions.is_empty() {
        return Taps { source: 0, weight: 0, count: 0 };
    }
    Taps { source: source(positions.start), weight, count: positions.len() }
}

fn runs(taps: &[Taps], target_step: usize, source_step: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for phase in 0..target_step.min(taps.len()) {
        let first_run = runs.len();
        for target in (phase..taps.len()).step_by(target_step) {
            let taps = taps[target];
            match runs[first_run..].last_mut() {
                Some(run) if continues(run, taps, source_step) => run.length += 1,
                _ => runs.push(Run { target, length: 1, taps }),
            }
        }
    }
    runs
}

fn continues(run: &Run, next: Taps, source_step: usize) -> bool {
    let (now, moved) = (run.taps, run.taps.source + run.length * source_step);
    now.count == next.count && (next.count == 0 || (now.weight == next.weight && moved == next.source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn axes() -> impl Strategy<Value = Axis> {
        (1usize..8, 1usize..4, 0usize..5, 1usize..12, 1usize..12)
            .prop_map(|(kernel, stride, pad, input, output)| Axis { kernel, stride, pad, input, output })
    }

    /// All `(output, input, tap)` triples by the definition of the window.
    fn by_definition(axis: Axis) -> Vec<(usize, usize, usize)> {
        let mut triples = Vec::new();
        for output in 0..axis.output {
            for tap in 0..axis.kernel {
                let at = (output * axis.stride + tap).checked_sub(axis.pad);
                if let Some(input) = at.filter(|&at| at < axis.input) {
                    triples.push((output, input, tap));
                }
            }
        }
        triples.sort_unstable();
        triples
    }

    /// All `(target, source, weight)` triples that the runs of a gather visit.
    fn visited(gather: &Gather) -> Vec<(usize, usize, usize)> {
        let mut triples = Vec::new();
        for run in &gather.runs {
            for i in 0..run.length {
                for t in 0..run.taps.count {
                    triples.push((
                        run.target + i * gather.target_step,
                        run.taps.source + i * gather.source_step + t,
                        run.taps.weight + t * gather.weight_step,
                    ));
                }
            }
        }
        triples
    }

    proptest! {
        #[test]
        fn forward_runs_visit_the_window(axis in axes()) {
            let mut triples = visited(&Gather::forward(axis));
            triples.sort_unstable();
            prop_assert_eq!(triples, by_definition(axis));
        }

        #[test]
        fn adjoint_runs_visit_the_mirrored_window(axis in axes()) {
            let mut triples: Vec<_> = visited(&Gather::adjoint(axis))
                .into_iter()
                .map(|(input, output, mirrored)| (output, input, axis.kernel - 1 - mirrored))
                .collect();
            triples.sort_unstable();
            prop_assert_eq!(triples, by_definition(axis));
        }

        #[test]
        fn runs_cover_every_target_once(axis in axes()) {
            for (gather, targets) in
                [(Gather::forward(axis), axis.output), (Gather::adjoint(axis), axis.input)]
            {
                let mut seen: Vec<_> = gather
                    .runs
                    .iter()
                    .flat_map(|run| (0..run.length).map(|i| run.target + i * gather.target_step))
                    .collect();
                seen.sort_unstable();
                prop_assert_eq!(seen, (0..targets).collect::<Vec<_>>());
            }
        }
    }
}
