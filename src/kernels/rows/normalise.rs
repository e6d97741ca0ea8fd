//! `a = activation((z - centre) * scale + offset)`, times a gate.

use super::super::activation::{Activation, Function, with_function};
use super::super::simd::{
    Isa, PerVectors, Vectorised, dispatch, for_each_vectors, load_cut, load_vectors, store_cut,
};
use super::GROUP;

/// The per-channel constants of a batch norm, `[c]` each.
#[derive(Clone, Copy)]
pub(crate) struct Affine<'a> {
    pub(crate) centre: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) offset: &'a [f32],
}

impl Affine<'_> {
    pub(super) fn channels(&self) -> usize {
        let channels = self.centre.len();
        assert_eq!((self.scale.len(), self.offset.len()), (channels, channels), "batch norm constants");
        channels
    }

    /// The constants of the `N` vectors from `channel`.
    ///
    /// # Safety
    /// The channels must exist.
    #[inline(always)]
    pub(super) unsafe fn vectors<I: Isa, const N: usize, const CUT: bool>(
        &self,
        channel: usize,
        lanes: usize,
    ) -> [[I::V; N]; 3] {
        // SAFETY: the caller's.
        unsafe {
            [
                load_vectors::<I, N, CUT>(self.centre, channel, lanes),
                load_vectors::<I, N, CUT>(self.scale, channel, lanes),
                load_vectors::<I, N, CUT>(self.offset, channel, lanes),
            ]
        }
    }
}

/// `a: [rows, c]` from `z: [rows, c]`; every row is scaled by `gate: [c]` where there is one.
pub(crate) fn normalise(
    z: &[f32],
    affine: Affine<'_>,
    activation: Activation,
    gate: Option<&[f32]>,
    a: &mut [f32],
) {
    let channels = affine.channels();
    assert!(z.len() == a.len() && z.len().is_multiple_of(channels.max(1)), "rows");
    assert!(gate.is_none_or(|gate| gate.len() == channels), "gate");
    with_function!(activation, |function| dispatch(Normalise { z, affine, function, gate, a }));
}

struct Normalise<'a, F> {
    z: &'a [f32],
    affine: Affine<'a>,
    function: F,
    gate: Option<&'a [f32]>,
    a: &'a mut [f32],
}

impl<F: Function> Vectorised for Normalise<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self) {
        let channels = self.affine.centre.len();
        let (z, a) = (self.z, std::mem::take(&mut self.a));
        for (z, a) in z.chunks(GROUP * channels).zip(a.chunks_mut(GROUP * channels)) {
            // SAFETY: `normalise` checked the lengths.
            unsafe { for_each_vectors::<I>(channels, &mut Self { z, a, ..self }) }
        }
    }
}

impl<F: Function> PerVectors for Normalise<'_, F> {
    #[inline(always)]
    unsafe fn vectors<I: Isa, const N: usize, const CUT: bool>(&mut self, channel: usize, lanes: usize) {
        let channels = self.affine.centre.len();
        // SAFETY: the caller's.
        unsafe {
            let [centre, scale, offset] = self.affine.vectors::<I, N, CUT>(channel, lanes);
            let mut gates = [I::splat(1.0); N];
            if let Some(gate) = self.gate {
                gates = load_vectors::<I, N, CUT>(gate, channel, lanes);
            }
            let (mut from, mut to) = (self.z.as_ptr().add(channel), self.a.as_mut_ptr().add(channel));
            for _ in 0..self.z.len() / channels {
                for v in 0..N {
                    let z = load_cut::<I, CUT>(from.add(v * I::LANES), lanes);
                    let u = I::fma(I::sub(z, centre[v]), scale[v], offset[v]);
                    let mut a = self.function.values::<I>(u);
                    if self.gate.is_some() {
                        a = I::mul(a, gates[v]);
                    }
                    store_cut::<I, CUT>(to.add(v * I::LANES), a, lanes);
                }
                from = from.wrapping_add(channels);
                to = to.wrapping_add(channels);
            }
        }
    }
}
