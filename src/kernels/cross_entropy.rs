//! Softmax cross-entropy with label smoothing (arXiv:1512.00567, section 7), averaged over the batch.
//!
//! `loss = -1/n sum_i sum_k q[i, k] * ln p[i, k]` with `p = softmax(logits)` and
//! `q[i, k] = (1 - smoothing) * [k = label_i] + smoothing / classes`; its gradient by the logits is `(p - q) / n`.

use thiserror::Error;

/// A label that names no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("label {label} of sample {sample} is not below the number of classes, {classes}")]
pub struct LabelOutOfRange {
    /// Position in the batch.
    pub sample: usize,
    /// The label found there.
    pub label: u32,
    /// Number of classes.
    pub classes: usize,
}

/// The mean loss of `logits: [n, classes]` for `labels: [n]`.
///
/// # Errors
/// When a label is not below `classes`.
///
/// # Panics
/// When `logits` is not `n * classes` long.
pub fn forward(
    logits: &[f32],
    labels: &[u32],
    classes: usize,
    smoothing: f32,
) -> Result<f32, LabelOutOfRange> {
    check(logits, labels, classes)?;
    let smoothing = f64::from(smoothing);
    let mut loss = 0.0;
    for (logits, &label) in logits.chunks_exact(classes).zip(labels) {
        let of_all = log_sum_exp(logits);
        let of_label = of_all - f64::from(logits[label as usize]);
        let sum: f64 = logits.iter().map(|&logit| of_all - f64::from(logit)).sum();
        loss += (1.0 - smoothing) * of_label + smoothing * (sum / classes as f64);
    }
    Ok((loss / labels.len() as f64) as f32)
}

/// The gradient of the mean loss by the logits, `dlogits: [n, classes]`, times `dloss`.
///
/// # Errors
/// When a label is not below `classes`.
///
/// # Panics
/// When `logits` or `dlogits` is not `n * classes` long.
pub fn backward(
    logits: &[f32],
    labels: &[u32],
    classes: usize,
    smoothing: f32,
    dloss: f32,
    dlogits: &mut [f32],
) -> Result<(), LabelOutOfRange> {
    check(logits, labels, classes)?;
    assert_eq!(logits.len(), dlogits.len(), "logits and their gradient");
    let share = f64::from(dloss) / labels.len() as f64;
    let (on, off) = (1.0 - f64::from(smoothing), f64::from(smoothing) / classes as f64);
    let rows = logits.chunks_exact(classes).zip(dlogits.chunks_exact_mut(classes));
    for ((logits, dlogits), &label) in rows.zip(labels) {
        let of_all = log_sum_exp(logits);
        for (class, (d, &logit)) in dlogits.iter_mut().zip(logits).enumerate() {
            let target = if class == label as usize { on + off } else { off };
            *d = (share * ((f64::from(logit) - of_all).exp() - target)) as f32;
        }
    }
    Ok(())
}

/// `ln(sum(exp(logits)))`, safe for logits of any size.
fn log_sum_exp(logits: &[f32]) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    largest + logits.iter().map(|&logit| (f64::from(logit) - largest).exp()).sum::<f64>().ln()
}

fn check(logits: &[f32], labels: &[u32], classes: usize) -> Result<(), LabelOutOfRange> {
    assert_eq!(logits.len(), labels.len() * classes, "logits");
    match labels.iter().position(|&label| label as usize >= classes) {
        Some(sample) => Err(LabelOutOfRange { sample, label: labels[sample], classes }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, numeric_gradient, values, wide};

    fn exact(logits: &[f64], labels: &[u32], classes: usize, smoothing: f64) -> f64 {
        let mut loss = 0.0;
        for (logits, &label) in logits.chunks_exact(classes).zip(labels) {
            let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
            for (class, logit) in logits.iter().enumerate() {
                let hit = f64::from(u8::from(class == label as usize));
                let target = (1.0 - smoothing) * hit + smoothing / classes as f64;
                loss -= target * (logit.exp() / sum).ln();
            }
        }
        loss / labels.len() as f64
    }

    #[test]
    fn agrees_with_the_definition() {
        let logits: Vec<f32> = values(5 * 7, 1).iter().map(|v| 4.0 * v).collect();
        let labels = [0, 6, 3, 3, 1];
        for smoothing in [0.0f32, 0.1, 0.5] {
            let exactly = |l: &[f64]| exact(l, &labels, 7, f64::from(smoothing));
            let loss = forward(&logits, &labels, 7, smoothing).unwrap();
            assert_close(&[loss], &[exactly(&wide(&logits))], 1e-6);
            let mut dlogits = vec![f32::NAN; logits.len()];
            backward(&logits, &labels, 7, smoothing, 3.0, &mut dlogits).unwrap();
            let expected = numeric_gradient(&wide(&logits), |l| 3.0 * exactly(l));
            assert_close(&dlogits, &expected, 1e-6);
        }
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        let logits = [1e30, 0.0, -1e30];
        assert_eq!(forward(&logits, &[0], 3, 0.0), Ok(0.0));
        let mut dlogits = [f32::NAN; 3];
        backward(&logits, &[1], 3, 0.0, 1.0, &mut dlogits).unwrap();
        assert_eq!(dlogits, [1.0, -1.0, 0.0]);
    }

    #[test]
    fn nan_shows() {
        assert!(forward(&[f32::NAN, 0.0], &[0], 2, 0.0).unwrap().is_nan());
    }

    #[test]
    fn a_wrong_label_is_an_error() {
        let wrong = LabelOutOfRange { sample: 1, label: 2, classes: 2 };
        assert_eq!(forward(&[0.0; 4], &[0, 2], 2, 0.0), Err(wrong));
        assert_eq!(backward(&[0.0; 4], &[0, 2], 2, 0.0, 1.0, &mut [0.0; 4]), Err(wrong));
    }
}
