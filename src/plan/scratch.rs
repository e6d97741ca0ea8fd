//! Working memory of a thread, reused from tile to tile and from step to step.

use std::cell::RefCell;

use crate::kernels::aligned::Aligned;

thread_local! {
    static BUFFERS: RefCell<Vec<Aligned>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with buffers of `sizes`, holding anything. `work` must not hand work to other threads.
pub(super) fn with<const N: usize, R>(sizes: [usize; N], work: impl FnOnce([&mut [f32]; N]) -> R) -> R {
    BUFFERS.with_borrow_mut(|buffers| {
        if buffers.len() < N {
            buffers.resize_with(N, Aligned::default);
        }
        let mut buffers = buffers.iter_mut();
        work(sizes.map(|size| match buffers.next() {
            Some(buffer) => {
                buffer.resize(size);
                &mut buffer[..]
            }
            None => &mut [],
        }))
    })
}
