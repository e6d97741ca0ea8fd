//! Turns the complete gradient of an activation into that of its argument, and sums it up.
//!
//! `du = da * activation'(u)`, and per channel `sum(du)` and `sum(du * (z - centre))`, from which the gradients of
//! batch norm's parameters and of its input follow.

use super::super::activation::{Activation, Function, with_function};
use super::super::simd::{
    Isa, PerVectors, Vectorised, dispatch, for_each_vectors, load_cut, load_vectors, store_cut,
};
use super::GROUP;
use super::normalise::Affine;

/// What arrives at every row of an activation.
#[derive(Clone, Copy)]
pub(crate) enum Incoming<'a> {
    /// The gradient that is there.
    Plain,
    /// That gradient times `gate: [c]`, plus `extra: [c]`: behind a squeeze-excite.
    Gated { gate: &'a [f32], extra: &'a [f32] },
    /// `extra: [c]` alone, whatever was there: behind a global pooling.
    Constant { extra: &'a [f32] },
}

/// Sums over rows, `[c]` each; they gain.
pub(crate) struct Sums<'a> {
    /// `sum(du)`
    pub(crate) sums: &'a mut [f32],
    /// `sum(du * (z - centre))`
    pub(crate) products: &'a mut [f32],
}

/// Replaces the gradient `d: [rows, c]` of an activation by that of its argument, which came from `z: [rows, c]`.
pub(crate) fn finish(
    d: &mut [f32],
    z: &[f32],
    affine: Affine<'_>,
    activation: Activation,
    incoming: Incoming<'_>,
    sums: Sums<'_>,
) {
    let c = affine.channels();
    assert!(z.len() == d.len() && z.len().is_multiple_of(c.max(1)), "rows");
    assert_eq!((sums.sums.len(), sums.products.len()), (c, c), "sums");
    let none: &[f32] = &[];
    let (mode, gate, extra) = match incoming {
        Incoming::Plain => (PLAIN, none, none),
        Incoming::Gated { gate, extra } => (GATED, gate, extra),
        Incoming::Constant { extra } => (CONSTANT, none, extra),
    };
    assert!(mode != GATED || gate.len() == c, "gate");
    assert!(mode == PLAIN || extra.len() == c, "extra gradient");
    with_function!(activation, |function| {
        let work = Finish { d, z, affine, function, gate, extra, sums };
        match mode {
            PLAIN => dispatch(Mode::<_, PLAIN>(work)),
            GATED => dispatch(Mode::<_, GATED>(work)),
            _ => dispatch(Mode::<_, CONSTANT>(work)),
        }
    });
}

const PLAIN: u8 = 0;
const GATED: u8 = 1;
const CONSTANT: u8 = 2;

struct Finish<'a, F> {
    d: &'a mut [f32],
    z: &'a [f32],
    affine: Affine<'a>,
    function: F,
    gate: &'a [f32],
    extra: &'a [f32],
    sums: Sums<'a>,
}

struct Mode<'a, F, const MODE: u8>(Finish<'a, F>);

impl<F: Function, const MODE: u8> Vectorised for Mode<'_, F, MODE> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Finish { d, z, affine, function, gate, extra, sums } = self.0;
        let channels = affine.centre.len();
        for (d, z) in d.chunks_mut(GROUP * channels).zip(z.chunks(GROUP * channels)) {
            let sums = Sums { sums: &mut *sums.sums, products: &mut *sums.products };
            let mut group = Mode::<_, MODE>(Finish { d, z, affine, function, gate, extra, sums });
            // SAFETY: `finish` checked the lengths.
            unsafe { for_each_vectors::<I>(channels, &mut group) }
        }
    }
}

impl<F: Function, const MODE: u8> PerVectors for Mode<'_, F, MODE> {
    #[inline(always)]
    unsafe fn vectors<I: Isa, const N: usize, const CUT: bool>(&mut self, channel: usize, lanes: usize) {
        let Finish { d, z, affine, function, gate, extra, sums } = &mut self.0;
        let channels = affine.centre.len();
        // SAFETY: the caller's.
        unsafe {
            let [centre, scale, offset] = affine.vectors::<I, N, CUT>(channel, lanes);
            let (mut gates, mut extras) = ([I::splat(0.0); N], [I::splat(0.0); N]);
            if MODE == GATED {
                gates = load_vectors::<I, N, CUT>(gate, channel, lanes);
            }
            if MODE != PLAIN {
                extras = load_vectors::<I, N, CUT>(extra, channel, lanes);
            }
            let (mut sum, mut product) = ([I::splat(0.0); N], [I::splat(0.0); N]);
            let mut at = channel;
            for _ in 0..z.len() / channels {
                for v in 0..N {
                    let at = at + v * I::LANES;
                    let centred = I::sub(load_cut::<I, CUT>(z.as_ptr().add(at), lanes), centre[v]);
                    let u = I::fma(centred, scale[v], offset[v]);
                    let incoming = match MODE {
                        PLAIN => load_cut::<I, CUT>(d.as_ptr().add(at), lanes),
                        GATED => I::fma(load_cut::<I, CUT>(d.as_ptr().add(at), lanes), gates[v], extras[v]),
                        _ => extras[v],
                    };
                    let du = function.slopes::<I>(u, incoming);
                    if MODE != PLAIN || !F::IDENTITY {
                        store_cut::<I, CUT>(d.as_mut_ptr().add(at), du, lanes);
                    }
                    sum[v] = I::add(sum[v], du);
                    product[v] = I::fma(du, centred, product[v]);
                }
                at += channels;
            }
            for v in 0..N {
                let at = channel + v * I::LANES;
                for (to, gain) in [(&mut *sums.sums, sum[v]), (&mut *sums.products, product[v])] {
                    let to = to.as_mut_ptr().add(at);
                    store_cut::<I, CUT>(to, I::add(load_cut::<I, CUT>(to, lanes), gain), lanes);
                }
            }
        }
    }
}
