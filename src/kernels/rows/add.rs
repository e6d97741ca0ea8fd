//! Residual additions.

use super::super::activation::{Activation, Function, with_function};
use super::super::simd::{Isa, PerVectors, Vectorised, dispatch, for_each_vectors, load_cut, store_cut};
use super::GROUP;
use super::normalise::Affine;

/// `y += x`.
pub(crate) fn add(x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "sum");
    dispatch(Add { x, y });
}

struct Add<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Vectorised for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            *y += x;
        }
    }
}

/// `y += activation((z - centre) * scale + offset)` for `y, z: [rows, c]`.
pub(crate) fn add_normalised(z: &[f32], affine: Affine<'_>, activation: Activation, y: &mut [f32]) {
    let channels = affine.channels();
    assert!(z.len() == y.len() && z.len().is_multiple_of(channels.max(1)), "rows");
    with_function!(activation, |function| dispatch(AddNormalised { z, affine, function, y }));
}

struct AddNormalised<'a, F> {
    z: &'a [f32],
    affine: Affine<'a>,
    function: F,
    y: &'a mut [f32],
}

impl<F: Function> Vectorised for AddNormalised<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self) {
        let channels = self.affine.centre.len();
        let (z, y) = (self.z, std::mem::take(&mut self.y));
        for (z, y) in z.chunks(GROUP * channels).zip(y.chunks_mut(GROUP * channels)) {
            // SAFETY: `add_normalised` checked the lengths.
            unsafe { for_each_vectors::<I>(channels, &mut Self { z, y, ..self }) }
        }
    }
}

impl<F: Function> PerVectors for AddNormalised<'_, F> {
    #[inline(always)]
    unsafe fn vectors<I: Isa, const N: usize, const CUT: bool>(&mut self, channel: usize, lanes: usize) {
        let channels = self.affine.centre.len();
        // SAFETY: the caller's.
        unsafe {
            let [centre, scale, offset] = self.affine.vectors::<I, N, CUT>(channel, lanes);
            let mut at = channel;
            for _ in 0..self.z.len() / channels {
                for v in 0..N {
                    let at = at + v * I::LANES;
                    let z = load_cut::<I, CUT>(self.z.as_ptr().add(at), lanes);
                    let a = self.function.values::<I>(I::fma(I::sub(z, centre[v]), scale[v], offset[v]));
                    let to = self.y.as_mut_ptr().add(at);
                    store_cut::<I, CUT>(to, I::add(load_cut::<I, CUT>(to, lanes), a), lanes);
                }
                at += channels;
            }
        }
    }
}
