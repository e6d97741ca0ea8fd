//! The gradient of what a batch norm reads: `dz = scale * du + slope * (z - centre) + shift`.

use super::super::simd::{
    Isa, PerVectors, Vectorised, dispatch, for_each_vectors, load_cut, load_vectors, store_cut,
};
use super::GROUP;

/// The per-channel constants of a batch norm's gradient, `[c]` each.
#[derive(Clone, Copy)]
pub(crate) struct Slopes<'a> {
    pub(crate) centre: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) slope: &'a [f32],
    pub(crate) shift: &'a [f32],
}

/// `dz: [rows, c]` from `du: [rows, c]` and `z: [rows, c]`.
pub(crate) fn norm_gradient(du: &[f32], z: &[f32], slopes: Slopes<'_>, dz: &mut [f32]) {
    let c = slopes.centre.len();
    assert_eq!((slopes.scale.len(), slopes.slope.len(), slopes.shift.len()), (c, c, c), "slopes");
    assert!(z.len() == du.len() && z.len() == dz.len() && z.len().is_multiple_of(c.max(1)), "rows");
    dispatch(NormGradient { du, z, slopes, dz });
}

struct NormGradient<'a> {
    du: &'a [f32],
    z: &'a [f32],
    slopes: Slopes<'a>,
    dz: &'a mut [f32],
}

impl Vectorised for NormGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self) {
        let channels = self.slopes.centre.len();
        let (values, dz) = (GROUP * channels, std::mem::take(&mut self.dz));
        let groups = self.du.chunks(values).zip(self.z.chunks(values)).zip(dz.chunks_mut(values));
        for ((du, z), dz) in groups {
            // SAFETY: `norm_gradient` checked the lengths.
            unsafe { for_each_vectors::<I>(channels, &mut Self { du, z, dz, ..self }) }
        }
    }
}

impl PerVectors for NormGradient<'_> {
    #[inline(always)]
    unsafe fn vectors<I: Isa, const N: usize, const CUT: bool>(&mut self, channel: usize, lanes: usize) {
        let Slopes { centre, scale, slope, shift } = self.slopes;
        let channels = centre.len();
        // SAFETY: the caller's.
        unsafe {
            let centre = load_vectors::<I, N, CUT>(centre, channel, lanes);
            let scale = load_vectors::<I, N, CUT>(scale, channel, lanes);
            let slope = load_vectors::<I, N, CUT>(slope, channel, lanes);
            let shift = load_vectors::<I, N, CUT>(shift, channel, lanes);
            let mut at = channel;
            for _ in 0..self.z.len() / channels {
                for v in 0..N {
                    let at = at + v * I::LANES;
                    let z = load_cut::<I, CUT>(self.z.as_ptr().add(at), lanes);
                    let du = load_cut::<I, CUT>(self.du.as_ptr().add(at), lanes);
                    let rest = I::fma(slope[v], I::sub(z, centre[v]), shift[v]);
                    let dz = I::fma(scale[v], du, rest);
                    store_cut::<I, CUT>(self.dz.as_mut_ptr().add(at), dz, lanes);
                }
                at += channels;
            }
        }
    }
}
