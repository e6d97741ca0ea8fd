//! Splitting work over the threads of the current rayon pool.
//!
//! The pieces are given by the caller and depend on shapes alone. A piece writes its own part of the output,
//! so the number of threads can't change a result.

use rayon::prelude::*;

/// Number of `f32` values that make one piece of memory-bound work: large enough to pay for handing it to
/// another thread, small enough (256 KiB) to stay in a core's own cache between two passes.
pub(crate) const PIECE: usize = 1 << 16;

/// Calls `work(i, piece)` for the `i`-th consecutive piece of `size` elements of `output`; the last piece
/// may be shorter.
pub(crate) fn for_each_piece<T, F>(output: &mut [T], size: usize, work: F)
where
    T: Send,
    F: Fn(usize, &mut [T]) + Send + Sync,
{
    if output.is_empty() {
        return;
    }
    if output.len() <= size || rayon::current_num_threads() == 1 {
        output.chunks_mut(size).enumerate().for_each(|(i, piece)| work(i, piece));
    } else {
        output.par_chunks_mut(size).enumerate().with_max_len(1).for_each(|(i, piece)| work(i, piece));
    }
}

/// Adds `partials`, consecutive slices of `total.len()` values, into `total` in their order.
pub(crate) fn sum_in_order(partials: &[f32], total: &mut [f32]) {
    total.fill(0.0);
    if total.is_empty() {
        return;
    }
    for partial in partials.chunks_exact(total.len()) {
        for (sum, value) in total.iter_mut().zip(partial) {
            *sum += value;
        }
    }
}
