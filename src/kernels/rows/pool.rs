//! Means and products over the rows of an image.

use super::super::activation::{Activation, Function, with_function};
use super::super::simd::{Isa, PerVectors, Vectorised, dispatch, for_each_vectors, load_cut, store_cut};
use super::normalise::Affine;

/// `means: [c]` of `activation((z - centre) * scale + offset)` over the rows of `z: [rows, c]`; of `z` itself without
/// a batch norm.
pub(crate) fn mean(z: &[f32], affine: Option<Affine<'_>>, activation: Activation, means: &mut [f32]) {
    let channels = means.len();
    assert!(affine.is_none_or(|affine| affine.channels() == channels), "batch norm constants");
    assert!(z.len().is_multiple_of(channels.max(1)), "rows");
    with_function!(activation, |function| dispatch(Mean { z, affine, function, means }));
}

struct Mean<'a, F> {
    z: &'a [f32],
    affine: Option<Affine<'a>>,
    function: F,
    means: &'a mut [f32],
}

impl<F: Function> Vectorised for Mean<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self) {
        // SAFETY: `mean` checked the lengths.
        unsafe { for_each_vectors::<I>(self.means.len(), &mut self) }
    }
}

impl<F: Function> PerVectors for Mean<'_, F> {
    #[inline(always)]
    unsafe fn vectors<I: Isa, const N: usize, const CUT: bool>(&mut self, channel: usize, lanes: usize) {
        let channels = self.means.len();
        let rows = self.z.len() / channels;
        // SAFETY: the caller's.
        unsafe {
            let [centre, scale, offset] = match self.affine {
                Some(affine) => affine.vectors::<I, N, CUT>(channel, lanes),
                None => [[I::splat(0.0); N], [I::splat(1.0); N], [I::splat(0.0); N]],
            };
            let mut sum = [I::splat(0.0); N];
            let mut from = self.z.as_ptr().add(channel);
            for _ in 0..rows {
                for v in 0..N {
                    let z = load_cut::<I, CUT>(from.add(v * I::LANES), lanes);
                    let u = I::fma(I::sub(z, centre[v]), scale[v], offset[v]);
                    sum[v] = I::add(sum[v], self.function.values::<I>(u));
                }
                from = from.wrapping_add(channels);
            }
            let share = I::splat(1.0 / rows as f32);
            for (v, sum) in sum.into_iter().enumerate() {
                let to = self.means.as_mut_ptr().add(channel + v * I::LANES);
                store_cut::<I, CUT>(to, I::mul(sum, share), lanes);
            }
        }
    }
}

/// `sums: [c]` gains `sum(a * b)` over the rows of `a, b: [rows, c]`.
pub(crate) fn column_products(a: &[f32], b: &[f32], sums: &mut [f32]) {
    assert!(a.len() == b.len() && a.len().is_multiple_of(sums.len().max(1)), "rows");
    dispatch(ColumnProducts { a, b, sums });
}

struct ColumnProducts<'a> {
    a: &'a [f32],
    b: &'a [f32],
    sums: &'a mut [f32],
}

impl Vectorised for ColumnProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self) {
        // SAFETY: `column_products` checked the lengths.
        unsafe { for_each_vectors::<I>(self.sums.len(), &mut self) }
    }
}

impl PerVectors for ColumnProducts<'_> {
    #[inline(always)]
    unsafe fn vectors<I: Isa, const N: usize, const CUT: bool>(&mut self, channel: usize, lanes: usize) {
        let channels = self.sums.len();
        // SAFETY: the caller's.
        unsafe {
            let mut sum = [I::splat(0.0); N];
            let mut at = channel;
            for _ in 0..self.a.len() / channels {
                for (v, sum) in sum.iter_mut().enumerate() {
                    let at = at + v * I::LANES;
                    let a = load_cut::<I, CUT>(self.a.as_ptr().add(at), lanes);
                    let b = load_cut::<I, CUT>(self.b.as_ptr().add(at), lanes);
                    *sum = I::fma(a, b, *sum);
                }
                at += channels;
            }
            for (v, sum) in sum.into_iter().enumerate() {
                let to = self.sums.as_mut_ptr().add(channel + v * I::LANES);
                store_cut::<I, CUT>(to, I::add(load_cut::<I, CUT>(to, lanes), sum), lanes);
            }
        }
    }
}
