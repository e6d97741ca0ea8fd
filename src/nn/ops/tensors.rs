//! Between candle tensors and slices: checks on the way in, storage on the way out.

use std::cell::RefCell;

use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Result, Shape, Storage, Tensor, Var, bail};

use crate::kernels::Window;

/// `tensor`, contiguous, if it is `f32` on the CPU.
pub(in crate::nn) fn operand(op: &'static str, tensor: &Tensor) -> Result<Tensor> {
    if tensor.dtype() != DType::F32 || !tensor.device().is_cpu() {
        bail!(
            "{op}: expected an f32 tensor on the CPU, got {:?} on {:?}",
            tensor.dtype(),
            tensor.device().location()
        )
    }
    tensor.contiguous()
}

/// The values of a contiguous `f32` storage.
pub(super) fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("expected a contiguous tensor of shape {:?}", layout.shape()),
    }
}

/// Calls `read` with the values of `tensor`, which is `f32` on the CPU.
pub(in crate::nn) fn with_values<T>(tensor: &Tensor, read: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => read(values(storage, layout)?),
        _ => bail!("expected a tensor on the CPU"),
    }
}

/// Calls `read` with the values of both tensors.
pub(super) fn with_two<T>(
    a: &Tensor,
    b: &Tensor,
    read: impl FnOnce(&[f32], &[f32]) -> Result<T>,
) -> Result<T> {
    with_values(a, |a| with_values(b, |b| read(a, b)))
}

/// Calls `read` with the values of all variables, contiguous `f32` tensors on the CPU. They stay locked for the call.
pub(in crate::nn) fn with_all_values<T>(
    variables: &[Var],
    read: impl FnOnce(&[&[f32]]) -> Result<T>,
) -> Result<T> {
    let opened: Vec<_> = variables.iter().map(|variable| variable.storage_and_layout()).collect();
    let slices = opened.iter().map(|(storage, layout)| match &**storage {
        Storage::Cpu(storage) => values(storage, layout),
        _ => bail!("expected a tensor on the CPU"),
    });
    read(&slices.collect::<Result<Vec<_>>>()?)
}

/// What the forward pass of a custom operator returns.
pub(in crate::nn) fn output(values: Vec<f32>, shape: impl Into<Shape>) -> Result<(CpuStorage, Shape)> {
    Ok((CpuStorage::F32(values), shape.into()))
}

/// A new tensor of `values`.
pub(in crate::nn) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

/// The sizes of an image batch, `[n, h, w, c]`, none of them zero.
pub(super) fn image_sizes(op: &'static str, shape: &Shape) -> Result<[usize; 4]> {
    match *shape.dims() {
        [n, h, w, c] if shape.elem_count() > 0 => Ok([n, h, w, c]),
        _ => bail!("{op}: expected images [n, h, w, c] with no dimension zero, got {shape:?}"),
    }
}

/// Checks that a window can be slid over images.
pub(super) fn check_window(op: &'static str, window: Window) -> Result<()> {
    let Window { kernel, stride, out_h, out_w, .. } = window;
    if kernel == 0 || stride == 0 || out_h == 0 || out_w == 0 {
        bail!("{op}: kernel, stride and output size must not be zero, got {window:?}")
    }
    Ok(())
}

/// Checks that `shape` is `expected`, which `what` describes.
pub(super) fn check_shape(
    op: &'static str,
    what: &'static str,
    shape: &Shape,
    expected: &[usize],
) -> Result<()> {
    if shape.dims() != expected {
        bail!("{op}: expected {what} of shape {expected:?}, got {:?}", shape.dims())
    }
    Ok(())
}

/// Calls `write` with the values of a variable, in place.
///
/// The variable's storage stays locked for the call: other variables may be opened inside it, the same one
/// may not.
pub(in crate::nn) fn with_values_mut(
    op: &'static str,
    variable: &Var,
    write: impl FnMut(&mut [f32]) -> Result<()>,
) -> Result<()> {
    variable.inplace_op1(&InPlace { op, write: RefCell::new(write) })
}

struct InPlace<F> {
    op: &'static str,
    write: RefCell<F>,
}

impl<F: FnMut(&mut [f32]) -> Result<()>> InplaceOp1 for InPlace<F> {
    fn name(&self) -> &'static str {
        self.op
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        match (storage, layout.contiguous_offsets()) {
            (CpuStorage::F32(values), Some((start, end))) => {
                (self.write.borrow_mut())(&mut values[start..end])
            }
            _ => bail!("{}: expected a contiguous f32 variable", self.op),
        }
    }
}
