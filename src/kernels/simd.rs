//! One source, several instruction sets.
//!
//! A kernel is a [`Vectorised`] value whose `run` is plain Rust over fixed-size arrays and slices. The
//! compiler turns it into vector code once per instruction set, because [`dispatch`] inlines it into one
//! function per set; which of them runs is decided by what the processor offers. aarch64 needs nothing of
//! its own, as NEON is part of its baseline. The one exception to plain Rust is [`Isa::Sixteen`]: register
//! tiles of matrix products are named as vectors, because the compiler does not reliably find them.
//!
//! Kernels multiply and add through [`Isa::mul_add`] rather than `f32::mul_add`: where the processor has
//! no fused instruction the latter is a slow library call.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64;

/// What a kernel may know about the instruction set it is compiled for.
pub(crate) trait Isa: Sized {
    /// Whether 32 registers of 16 lanes are available, so that larger register tiles pay.
    const WIDE: bool;

    /// Sixteen lanes, in as many registers as they take.
    type Sixteen: Copy;

    /// `a * b + c`, rounded once where the hardware can.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;

    /// The vector of `lanes`.
    fn sixteen(lanes: &[f32; 16]) -> Self::Sixteen;

    /// The lanes of a vector.
    fn lanes(vector: Self::Sixteen) -> [f32; 16];

    /// `a * b + c`, lane by lane.
    fn add_scaled(a: f32, b: Self::Sixteen, c: Self::Sixteen) -> Self::Sixteen;
}

/// A piece of work that [`dispatch`] compiles for every instruction set.
///
/// `run` and all that it calls in its hot loops must be `#[inline(always)]`: a function that stays outlined
/// is compiled for the baseline only.
pub(crate) trait Vectorised {
    type Output;

    fn run<I: Isa>(self) -> Self::Output;
}

/// AVX-512: 32 registers of 16 lanes. Only [`run_avx512`] may name it.
#[cfg(target_arch = "x86_64")]
struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Isa for Avx512 {
    const WIDE: bool = true;
    type Sixteen = x86_64::__m512;

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn sixteen(lanes: &[f32; 16]) -> Self::Sixteen {
        // SAFETY: the pointer is good for sixteen values, and `run_avx512` enables the instruction.
        unsafe { x86_64::_mm512_loadu_ps(lanes.as_ptr()) }
    }

    #[inline(always)]
    fn lanes(vector: Self::Sixteen) -> [f32; 16] {
        let mut lanes = [0.0; 16];
        // SAFETY: the pointer is good for sixteen values, and `run_avx512` enables the instruction.
        unsafe { x86_64::_mm512_storeu_ps(lanes.as_mut_ptr(), vector) };
        lanes
    }

    #[inline(always)]
    fn add_scaled(a: f32, b: Self::Sixteen, c: Self::Sixteen) -> Self::Sixteen {
        // SAFETY: `run_avx512` enables the instructions.
        unsafe { x86_64::_mm512_fmadd_ps(x86_64::_mm512_set1_ps(a), b, c) }
    }
}

/// AVX2 with FMA: 16 registers of 8 lanes. Only [`run_avx2`] may name it.
#[cfg(target_arch = "x86_64")]
struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Isa for Avx2 {
    const WIDE: bool = false;
    type Sixteen = [x86_64::__m256; 2];

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn sixteen(lanes: &[f32; 16]) -> Self::Sixteen {
        let (low, high) = lanes.split_at(8);
        // SAFETY: the pointers are good for eight values, and `run_avx2` enables the instruction.
        unsafe { [x86_64::_mm256_loadu_ps(low.as_ptr()), x86_64::_mm256_loadu_ps(high.as_ptr())] }
    }

    #[inline(always)]
    fn lanes([low, high]: Self::Sixteen) -> [f32; 16] {
        let mut lanes = [0.0; 16];
        let (to_low, to_high) = lanes.split_at_mut(8);
        // SAFETY: the pointers are good for eight values, and `run_avx2` enables the instruction.
        unsafe {
            x86_64::_mm256_storeu_ps(to_low.as_mut_ptr(), low);
            x86_64::_mm256_storeu_ps(to_high.as_mut_ptr(), high);
        }
        lanes
    }

    #[inline(always)]
    fn add_scaled(a: f32, b: Self::Sixteen, c: Self::Sixteen) -> Self::Sixteen {
        // SAFETY: `run_avx2` enables the instructions.
        unsafe {
            let a = x86_64::_mm256_set1_ps(a);
            [x86_64::_mm256_fmadd_ps(a, b[0], c[0]), x86_64::_mm256_fmadd_ps(a, b[1], c[1])]
        }
    }
}

/// What every processor of the target architecture has.
struct Baseline;

impl Isa for Baseline {
    const WIDE: bool = false;
    type Sixteen = [f32; 16];

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { a.mul_add(b, c) } else { a * b + c }
    }

    #[inline(always)]
    fn sixteen(lanes: &[f32; 16]) -> Self::Sixteen {
        *lanes
    }

    #[inline(always)]
    fn lanes(vector: Self::Sixteen) -> [f32; 16] {
        vector
    }

    #[inline(always)]
    fn add_scaled(a: f32, b: Self::Sixteen, c: Self::Sixteen) -> Self::Sixteen {
        mul_add::<Self, 16>([a; 16], b, c)
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn run_avx512<K: Vectorised>(kernel: K) -> K::Output {
    kernel.run::<Avx512>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Vectorised>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}

/// Runs `kernel` compiled for the best instruction set of this processor.
#[inline]
pub(crate) fn dispatch<K: Vectorised>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("fma")
        {
            // SAFETY: the processor has every feature that `run_avx512` enables (AVX-512 implies AVX2).
            return unsafe { run_avx512(kernel) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has every feature that `run_avx2` enables.
            return unsafe { run_avx2(kernel) };
        }
    }
    kernel.run::<Baseline>()
}

/// `L` consecutive values of `from`, starting at `at`.
#[inline(always)]
pub(crate) fn load<const L: usize>(from: &[f32], at: usize) -> [f32; L] {
    let mut lanes = [0.0; L];
    lanes.copy_from_slice(&from[at..at + L]);
    lanes
}

/// Writes `lanes` to `to`, starting at `at`.
#[inline(always)]
pub(crate) fn store<const L: usize>(to: &mut [f32], at: usize, lanes: [f32; L]) {
    to[at..at + L].copy_from_slice(&lanes);
}

/// `a * b + c`, lane by lane.
#[inline(always)]
pub(crate) fn mul_add<I: Isa, const L: usize>(a: [f32; L], b: [f32; L], c: [f32; L]) -> [f32; L] {
    let mut lanes = c;
    for lane in 0..L {
        lanes[lane] = I::mul_add(a[lane], b[lane], c[lane]);
    }
    lanes
}

/// Work on `L` neighbouring channels.
pub(crate) trait PerLanes {
    fn lanes<I: Isa, const L: usize>(&mut self, channel: usize);
}

/// Covers channels `0..channels` with groups of 32, 16 (where registers allow), 8, 4 and 1.
#[inline(always)]
pub(crate) fn for_each_lanes<I: Isa>(channels: usize, work: &mut impl PerLanes) {
    let mut channel = 0;
    while I::WIDE && channel + 32 <= channels {
        work.lanes::<I, 32>(channel);
        channel += 32;
    }
    while I::WIDE && channel + 16 <= channels {
        work.lanes::<I, 16>(channel);
        channel += 16;
    }
    while channel + 8 <= channels {
        work.lanes::<I, 8>(channel);
        channel += 8;
    }
    while channel + 4 <= channels {
        work.lanes::<I, 4>(channel);
        channel += 4;
    }
    while channel < channels {
        work.lanes::<I, 1>(channel);
        channel += 1;
    }
}

/// Whether [`dispatch`] chooses an instruction set that is [`Isa::WIDE`].
pub(crate) fn is_wide() -> bool {
    struct Width;
    impl Vectorised for Width {
        type Output = bool;

        #[inline(always)]
        fn run<I: Isa>(self) -> bool {
            I::WIDE
        }
    }
    dispatch(Width)
}
