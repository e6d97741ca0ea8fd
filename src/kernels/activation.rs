//! Activation functions of the MobileNet family, with their derivatives.
//!
//! H-swish and h-sigmoid are the piecewise forms of MobileNetV3 (arXiv:1905.02244, section 5.2):
//! `h_sigmoid(x) = relu6(x + 3) / 6`, `h_swish(x) = x * h_sigmoid(x)`. At a kink the derivative is that of
//! the flat side. NaN passes through, so that a diverged training run shows.

use super::simd::Isa;

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x`
    Identity,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x * h_sigmoid(x)`
    HardSwish,
    /// `relu6(x + 3) / 6`
    HardSigmoid,
}

impl Activation {
    /// The activation of `x`.
    #[must_use]
    pub fn value(self, x: f32) -> f32 {
        with_function!(self, |function| Function::value(function, x))
    }

    /// The derivative at `x`.
    #[must_use]
    pub fn derivative(self, x: f32) -> f32 {
        with_function!(self, |function| Function::derivative(function, x))
    }
}

/// An activation known at compile time, for hot loops.
pub(crate) trait Function: Copy + Send + Sync {
    /// Whether it is `x` itself.
    const IDENTITY: bool = false;

    fn value(self, x: f32) -> f32;
    fn derivative(self, x: f32) -> f32;

    /// [`Self::value`], lane by lane.
    ///
    /// # Safety
    /// As [`Isa`] demands.
    unsafe fn values<I: Isa>(self, x: I::V) -> I::V;

    /// `d` times [`Self::derivative`] of `x`, lane by lane.
    ///
    /// # Safety
    /// As [`Isa`] demands.
    unsafe fn slopes<I: Isa>(self, x: I::V, d: I::V) -> I::V;
}

/// Evaluates `$body` with `$function` bound to the [`Function`] of an [`Activation`].
macro_rules! with_function {
    ($activation:expr, |$function:ident| $body:expr) => {{
        use $crate::kernels::activation::{self, Activation};
        match $activation {
            Activation::Identity => {
                let $function = activation::Identity;
                $body
            }
            Activation::Relu => {
                let $function = activation::Relu;
                $body
            }
            Activation::Relu6 => {
                let $function = activation::Relu6;
                $body
            }
            Activation::HardSwish => {
                let $function = activation::HardSwish;
                $body
            }
            Activation::HardSigmoid => {
                let $function = activation::HardSigmoid;
                $body
            }
        }
    }};
}
pub(crate) use with_function;

#[derive(Clone, Copy)]
pub(crate) struct Identity;

impl Function for Identity {
    const IDENTITY: bool = true;

    #[inline(always)]
    fn value(self, x: f32) -> f32 {
        x
    }

    #[inline(always)]
    fn derivative(self, _: f32) -> f32 {
        1.0
    }

    #[inline(always)]
    unsafe fn values<I: Isa>(self, x: I::V) -> I::V {
        x
    }

    #[inline(always)]
    unsafe fn slopes<I: Isa>(self, _: I::V, d: I::V) -> I::V {
        d
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Relu;

impl Function for Relu {
    #[inline(always)]
    fn value(self, x: f32) -> f32 {
        // Unlike `f32::max`, this keeps NaN.
        if x < 0.0 { 0.0 } else { x }
    }

    #[inline(always)]
    fn derivative(self, x: f32) -> f32 {
        if x > 0.0 { 1.0 } else { 0.0 }
    }

    #[inline(always)]
    unsafe fn values<I: Isa>(self, x: I::V) -> I::V {
        // SAFETY: the caller's.
        unsafe { I::max(I::splat(0.0), x) }
    }

    #[inline(always)]
    unsafe fn slopes<I: Isa>(self, x: I::V, d: I::V) -> I::V {
        // SAFETY: the caller's.
        unsafe { I::select_greater(x, I::splat(0.0), d, I::splat(0.0)) }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Relu6;

impl Function for Relu6 {
    #[inline(always)]
    fn value(self, x: f32) -> f32 {
        x.clamp(0.0, 6.0)
    }

    #[inline(always)]
    fn derivative(self, x: f32) -> f32 {
        if x > 0.0 && x < 6.0 { 1.0 } else { 0.0 }
    }

    #[inline(always)]
    unsafe fn values<I: Isa>(self, x: I::V) -> I::V {
        // SAFETY: the caller's.
        unsafe { I::min(I::splat(6.0), I::max(I::splat(0.0), x)) }
    }

    #[inline(always)]
    unsafe fn slopes<I: Isa>(self, x: I::V, d: I::V) -> I::V {
        // SAFETY: the caller's.
        unsafe {
            let below = I::select_greater(I::splat(6.0), x, d, I::splat(0.0));
            I::select_greater(x, I::splat(0.0), below, I::splat(0.0))
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct HardSwish;

impl Function for HardSwish {
    #[inline(always)]
    fn value(self, x: f32) -> f32 {
        x * HardSigmoid.value(x)
    }

    #[inline(always)]
    fn derivative(self, x: f32) -> f32 {
        let inner = x * (1.0 / 3.0) + 0.5;
        let below = if x > -3.0 { inner } else { 0.0 };
        if x < 3.0 { below } else { 1.0 }
    }

    #[inline(always)]
    unsafe fn values<I: Isa>(self, x: I::V) -> I::V {
        // SAFETY: the caller's.
        unsafe { I::mul(x, HardSigmoid.values::<I>(x)) }
    }

    #[inline(always)]
    unsafe fn slopes<I: Isa>(self, x: I::V, d: I::V) -> I::V {
        // SAFETY: the caller's.
        unsafe {
            let inner = I::fma(x, I::splat(1.0 / 3.0), I::splat(0.5));
            let below = I::select_greater(x, I::splat(-3.0), I::mul(d, inner), I::splat(0.0));
            I::select_greater(I::splat(3.0), x, below, d)
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct HardSigmoid;

impl Function for HardSigmoid {
    #[inline(always)]
    fn value(self, x: f32) -> f32 {
        (x + 3.0).clamp(0.0, 6.0) * (1.0 / 6.0)
    }

    #[inline(always)]
    fn derivative(self, x: f32) -> f32 {
        if x > -3.0 && x < 3.0 { 1.0 / 6.0 } else { 0.0 }
    }

    #[inline(always)]
    unsafe fn values<I: Isa>(self, x: I::V) -> I::V {
        // SAFETY: the caller's.
        unsafe {
            let raised = I::max(I::splat(0.0), I::add(x, I::splat(3.0)));
            I::mul(I::min(I::splat(6.0), raised), I::splat(1.0 / 6.0))
        }
    }

    #[inline(always)]
    unsafe fn slopes<I: Isa>(self, x: I::V, d: I::V) -> I::V {
        // SAFETY: the caller's.
        unsafe {
            let sloped = I::mul(d, I::splat(1.0 / 6.0));
            let below = I::select_greater(I::splat(3.0), x, sloped, I::splat(0.0));
            I::select_greater(x, I::splat(-3.0), below, I::splat(0.0))
        }
    }
}

#[cfg(test)]
pub(crate) const ALL: [Activation; 5] = [
    Activation::Identity,
    Activation::Relu,
    Activation::Relu6,
    Activation::HardSwish,
    Activation::HardSigmoid,
];

#[cfg(test)]
pub(crate) fn in_double(activation: Activation, x: f64) -> f64 {
    let gate = ((x + 3.0) / 6.0).clamp(0.0, 1.0);
    match activation {
        Activation::Identity => x,
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::HardSwish => x * gate,
        Activation::HardSigmoid => gate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_derivatives_agree_with_the_definition() {
        const STEP: f64 = 1e-6;
        for activation in ALL {
            // No point falls on a kink (-3, 0, 3, 6).
            for x in (-40..40).map(|i| f64::from(i) * 0.21 + 0.05) {
                let value = f64::from(activation.value(x as f32));
                assert!((value - in_double(activation, x)).abs() < 1e-5, "{activation:?} at {x}");
                let slope =
                    (in_double(activation, x + STEP) - in_double(activation, x - STEP)) / (2.0 * STEP);
                let derivative = f64::from(activation.derivative(x as f32));
                assert!((derivative - slope).abs() < 1e-5, "{activation:?}' at {x}");
            }
        }
    }

    #[test]
    fn kinks_take_the_flat_side() {
        assert_eq!(Activation::Relu.derivative(0.0), 0.0);
        assert_eq!(Activation::Relu6.derivative(6.0), 0.0);
        assert_eq!(Activation::HardSwish.derivative(-3.0), 0.0);
        assert_eq!(Activation::HardSwish.derivative(3.0), 1.0);
        assert_eq!(Activation::HardSigmoid.derivative(3.0), 0.0);
    }

    #[test]
    fn nan_passes_through() {
        assert!(ALL.iter().all(|activation| activation.value(f32::NAN).is_nan()));
    }
}
