//! Cutting a layer's work into parts, and letting them write side by side.
//!
//! The number of parts depends on shapes alone, and sums of parts are added in their order: the number of threads
//! changes no bit of a result.

use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

/// Most parts of a layer's work.
pub(super) const MOST: usize = 16;
/// Values worth a part of their own.
const VALUES: usize = 1 << 14;

/// Parts for work on `units` (rows, images) of `values` each.
pub(super) fn count(units: usize, values: usize) -> usize {
    (units * values / VALUES).clamp(1, MOST).min(units.max(1))
}

/// The units of part `part` of `parts`.
pub(super) fn range(units: usize, part: usize, parts: usize) -> Range<usize> {
    units * part / parts..units * (part + 1) / parts
}

/// Calls `work` for every part, on the threads of the current pool.
pub(super) fn for_each(parts: usize, work: impl Fn(usize) + Sync + Send) {
    if parts <= 1 || rayon::current_num_threads() == 1 {
        (0..parts).for_each(work);
    } else {
        (0..parts).into_par_iter().with_max_len(1).for_each(work);
    }
}

/// What `work` gives for every part, in their order.
pub(super) fn map<T: Send>(parts: usize, work: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    if parts <= 1 || rayon::current_num_threads() == 1 {
        (0..parts).map(work).collect()
    } else {
        (0..parts).into_par_iter().with_max_len(1).map(work).collect()
    }
}

/// A buffer that parts write to, each its own range.
#[derive(Clone, Copy)]
pub(super) struct Disjoint<'a> {
    start: *mut f32,
    len: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: a range is handed out to one part only, as `part` demands.
unsafe impl Send for Disjoint<'_> {}
// SAFETY: as above.
unsafe impl Sync for Disjoint<'_> {}

impl<'a> Disjoint<'a> {
    pub(super) fn new(buffer: &'a mut [f32]) -> Self {
        Self { start: buffer.as_mut_ptr(), len: buffer.len(), lifetime: PhantomData }
    }

    /// # Safety
    /// `start` must be good for `len` values for `'a`, and nobody else may use them but as [`Self::part`] allows.
    pub(super) unsafe fn from_raw(start: *mut f32, len: usize) -> Self {
        Self { start, len, lifetime: PhantomData }
    }

    /// The values of a range.
    ///
    /// # Safety
    /// Ranges that are in use at the same time must not overlap.
    pub(super) unsafe fn part(&self, range: Range<usize>) -> &'a mut [f32] {
        assert!(range.start <= range.end && range.end <= self.len, "part of a buffer");
        // SAFETY: inside the buffer, and the caller's.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// Range `index` of those of `size` values.
    ///
    /// # Safety
    /// As [`Self::part`].
    pub(super) unsafe fn piece(&self, index: usize, size: usize) -> &'a mut [f32] {
        // SAFETY: the caller's.
        unsafe { self.part(index * size..(index + 1) * size) }
    }
}
