//! One source, several instruction sets.
//!
//! A kernel is a [`Vectorised`] value whose `run` is generic over an instruction set. [`dispatch`] inlines it into
//! one function per set, compiled with that set's features; which of them runs is decided by what the processor
//! offers. aarch64 needs nothing of its own, as NEON is part of its baseline.
//!
//! Simple kernels are plain Rust over slices that the compiler vectorises. They multiply and add through
//! [`Isa::mul_add`] rather than `f32::mul_add`: where the processor has no fused instruction the latter is a slow
//! library call. Kernels that must keep their sums in registers name vectors, [`Isa::V`], because the compiler does
//! not reliably find them.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64;

/// What a kernel may know about the instruction set it is compiled for, and the vectors it computes with.
///
/// # Safety
/// The pointers of `load*` and `store*` must be good for the values read or written. Only the `run_*` functions
/// below may name an implementation, since they enable the instructions it uses.
#[allow(clippy::missing_safety_doc)]
pub(crate) trait Isa: Sized {
    /// Whether 32 registers are available, so that larger register tiles pay.
    const WIDE: bool;

    /// Whether kernels are worth a version of their own for every common size.
    const SPECIALISED: bool;

    /// Values of a vector.
    const LANES: usize;

    /// A register.
    type V: Copy;

    /// `a * b + c`, rounded once where the hardware can.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;

    unsafe fn splat(value: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    /// The first `count` lanes from memory, the others zero.
    unsafe fn load_first(from: *const f32, count: usize) -> Self::V;
    unsafe fn store(to: *mut f32, v: Self::V);
    /// Writes the first `count` lanes only.
    unsafe fn store_first(to: *mut f32, v: Self::V, count: usize);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a > b ? a : b`: `b` where either is NaN.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// `a < b ? a : b`: `b` where either is NaN.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// `a > b ? yes : no`, lane by lane.
    unsafe fn select_greater(a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V;
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
impl Avx512 {
    #[inline(always)]
    fn mask(count: usize) -> x86_64::__mmask16 {
        ((1u32 << count) - 1) as x86_64::__mmask16
    }
}

// SAFETY of all that follows: `run_avx512` enables the instructions.
#[cfg(target_arch = "x86_64")]
impl Isa for Avx512 {
    const WIDE: bool = true;
    const SPECIALISED: bool = true;
    const LANES: usize = 16;
    type V = x86_64::__m512;

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::V {
        unsafe { x86_64::_mm512_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        unsafe { x86_64::_mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self::V {
        unsafe { x86_64::_mm512_maskz_loadu_ps(Self::mask(count), from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        unsafe { x86_64::_mm512_storeu_ps(to, v) }
    }
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, v: Self::V, count: usize) {
        unsafe { x86_64::_mm512_mask_storeu_ps(to, Self::mask(count), v) }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        unsafe { x86_64::_mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        unsafe { x86_64::_mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        unsafe { x86_64::_mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        unsafe { x86_64::_mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        unsafe { x86_64::_mm512_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        unsafe { x86_64::_mm512_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn select_greater(a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        unsafe {
            let greater = x86_64::_mm512_cmp_ps_mask::<{ x86_64::_CMP_GT_OQ }>(a, b);
            x86_64::_mm512_mask_blend_ps(greater, no, yes)
        }
    }
}

/// AVX2 with FMA: 16 registers of 8 lanes. Only [`run_avx2`] may name it.
#[cfg(target_arch = "x86_64")]
struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    #[inline(always)]
    unsafe fn mask(count: usize) -> x86_64::__m256i {
        /// A window into it starts with `count` set lanes.
        const SET: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        unsafe { x86_64::_mm256_loadu_si256(SET.as_ptr().add(8 - count).cast()) }
    }
}

// SAFETY of all that follows: `run_avx2` enables the instructions.
#[cfg(target_arch = "x86_64")]
impl Isa for Avx2 {
    const WIDE: bool = false;
    const SPECIALISED: bool = true;
    const LANES: usize = 8;
    type V = x86_64::__m256;

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::V {
        unsafe { x86_64::_mm256_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        unsafe { x86_64::_mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self::V {
        unsafe { x86_64::_mm256_maskload_ps(from, Self::mask(count)) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        unsafe { x86_64::_mm256_storeu_ps(to, v) }
    }
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, v: Self::V, count: usize) {
        unsafe { x86_64::_mm256_maskstore_ps(to, Self::mask(count), v) }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        unsafe { x86_64::_mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        unsafe { x86_64::_mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        unsafe { x86_64::_mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        unsafe { x86_64::_mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        unsafe { x86_64::_mm256_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        unsafe { x86_64::_mm256_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn select_greater(a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        unsafe {
            let greater = x86_64::_mm256_cmp_ps::<{ x86_64::_CMP_GT_OQ }>(a, b);
            x86_64::_mm256_blendv_ps(no, yes, greater)
        }
    }
}

/// What every processor of the target architecture has.
struct Baseline;

/// Lanes of [`Baseline`].
const FOUR: usize = 4;

#[cfg(target_arch = "x86_64")]
use x86_64::{
    __m128 as Four, _mm_add_ps as add_four, _mm_loadu_ps as load_four, _mm_mul_ps as mul_four,
    _mm_set1_ps as splat_four, _mm_storeu_ps as store_four, _mm_sub_ps as sub_four,
};

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::{
    float32x4_t as Four, vaddq_f32 as add_four, vdupq_n_f32 as splat_four, vld1q_f32 as load_four,
    vmulq_f32 as mul_four, vst1q_f32 as store_four, vsubq_f32 as sub_four,
};

// SAFETY of all that follows: these instructions are part of the architecture.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl Isa for Baseline {
    const WIDE: bool = cfg!(target_arch = "aarch64");
    const SPECIALISED: bool = cfg!(target_arch = "aarch64");
    const LANES: usize = FOUR;
    type V = Four;

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { a.mul_add(b, c) } else { a * b + c }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::V {
        unsafe { splat_four(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        unsafe { load_four(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self::V {
        let mut lanes = [0.0; FOUR];
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
            load_four(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        unsafe { store_four(to, v) }
    }
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, v: Self::V, count: usize) {
        let mut lanes = [0.0; FOUR];
        unsafe {
            store_four(lanes.as_mut_ptr(), v);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
        }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        unsafe { add_four(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        unsafe { sub_four(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        unsafe { mul_four(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        #[cfg(target_arch = "x86_64")]
        unsafe {
            add_four(mul_four(a, b), c)
        }
        #[cfg(target_arch = "aarch64")]
        unsafe {
            std::arch::aarch64::vfmaq_f32(c, a, b)
        }
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        #[cfg(target_arch = "x86_64")]
        unsafe {
            x86_64::_mm_max_ps(a, b)
        }
        #[cfg(target_arch = "aarch64")]
        unsafe {
            Self::select_greater(a, b, a, b)
        }
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        #[cfg(target_arch = "x86_64")]
        unsafe {
            x86_64::_mm_min_ps(a, b)
        }
        #[cfg(target_arch = "aarch64")]
        unsafe {
            Self::select_greater(b, a, a, b)
        }
    }
    #[inline(always)]
    unsafe fn select_greater(a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        #[cfg(target_arch = "x86_64")]
        unsafe {
            let greater = x86_64::_mm_cmpgt_ps(a, b);
            x86_64::_mm_or_ps(x86_64::_mm_and_ps(greater, yes), x86_64::_mm_andnot_ps(greater, no))
        }
        #[cfg(target_arch = "aarch64")]
        unsafe {
            use std::arch::aarch64::{vbslq_f32, vcgtq_f32};
            vbslq_f32(vcgtq_f32(a, b), yes, no)
        }
    }
}

/// Without vectors of its own: lanes that the compiler may or may not put into registers.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl Isa for Baseline {
    const WIDE: bool = false;
    const SPECIALISED: bool = false;
    const LANES: usize = FOUR;
    type V = [f32; FOUR];

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::V {
        [value; FOUR]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: the caller's pointer is good for four values.
        unsafe { from.cast::<[f32; FOUR]>().read() }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self::V {
        // SAFETY: the caller's pointer is good for `count` values.
        std::array::from_fn(|i| if i < count { unsafe { from.add(i).read() } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        // SAFETY: the caller's pointer is good for four values.
        unsafe { to.cast::<[f32; FOUR]>().write(v) }
    }
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, v: Self::V, count: usize) {
        for (i, value) in v.into_iter().enumerate().take(count) {
            // SAFETY: the caller's pointer is good for `count` values.
            unsafe { to.add(i).write(value) }
        }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| Self::mul_add(a[i], b[i], c[i]))
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn select_greater(a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] > b[i] { yes[i] } else { no[i] })
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn zip(a: [f32; FOUR], b: [f32; FOUR], op: impl Fn(f32, f32) -> f32) -> [f32; FOUR] {
    std::array::from_fn(|i| op(a[i], b[i]))
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

/// Work on `N` neighbouring vectors of channels; the last of them has `lanes` lanes where it is cut short.
pub(crate) trait PerVectors {
    /// # Safety
    /// The channels must exist.
    unsafe fn vectors<I: Isa, const N: usize, const CUT: bool>(&mut self, channel: usize, lanes: usize);
}

/// Covers channels `0..channels` with groups of four vectors, two, one, and one that is cut short.
///
/// # Safety
/// As `work` demands.
#[inline(always)]
pub(crate) unsafe fn for_each_vectors<I: Isa>(channels: usize, work: &mut impl PerVectors) {
    let mut channel = 0;
    // SAFETY: all channels exist.
    unsafe {
        while channel + 4 * I::LANES <= channels {
            work.vectors::<I, 4, false>(channel, I::LANES);
            channel += 4 * I::LANES;
        }
        while channel + 2 * I::LANES <= channels {
            work.vectors::<I, 2, false>(channel, I::LANES);
            channel += 2 * I::LANES;
        }
        if channel + I::LANES <= channels {
            work.vectors::<I, 1, false>(channel, I::LANES);
            channel += I::LANES;
        }
        if channel < channels {
            work.vectors::<I, 1, true>(channel, channels - channel);
        }
    }
}

/// Loads a vector of channels, cut short where `CUT`.
///
/// # Safety
/// `from` must be good for the lanes.
#[inline(always)]
pub(crate) unsafe fn load_cut<I: Isa, const CUT: bool>(from: *const f32, lanes: usize) -> I::V {
    // SAFETY: the caller's.
    unsafe { if CUT { I::load_first(from, lanes) } else { I::load(from) } }
}

/// Loads `N` neighbouring vectors of channels from `channel` on, the last cut short where `CUT`.
///
/// # Safety
/// `values` must have the channels.
#[inline(always)]
pub(crate) unsafe fn load_vectors<I: Isa, const N: usize, const CUT: bool>(
    values: &[f32],
    channel: usize,
    lanes: usize,
) -> [I::V; N] {
    // SAFETY: the caller's. A loop, because closures of `array::map` may stay outside of the caller's features.
    unsafe {
        let mut vectors = [I::splat(0.0); N];
        for (v, vector) in vectors.iter_mut().enumerate() {
            *vector = load_cut::<I, CUT>(values.as_ptr().add(channel + v * I::LANES), lanes);
        }
        vectors
    }
}

/// Stores a vector of channels, cut short where `CUT`.
///
/// # Safety
/// `to` must be good for the lanes.
#[inline(always)]
pub(crate) unsafe fn store_cut<I: Isa, const CUT: bool>(to: *mut f32, v: I::V, lanes: usize) {
    // SAFETY: the caller's.
    unsafe { if CUT { I::store_first(to, v, lanes) } else { I::store(to, v) } }
}
