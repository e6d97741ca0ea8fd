//! Softmax cross-entropy with soft targets, averaged over the batch; loss and gradient come from one pass.
//!
//! With `p = softmax(z)` of the logits `z` and targets `q` the loss of a sample is `-sum_k q[k] ln p[k]`. Its targets
//! `q = (1 - smoothing) * label + smoothing / classes` are smoothed (arXiv:1512.00567, section 7), where `label` is
//! one-hot or, after mixup (arXiv:1710.09412, equation 1), `share` of the own label and the rest of the partner's.
//!
//! Under a teacher with logits `v` (arXiv:1503.02531, section 2) the loss is
//! `(1 - weight) * loss(q, p) + weight * T^2 * KL(softmax(v / T), softmax(z / T))`; `T^2` keeps the gradients of both
//! terms on one scale whatever the temperature `T`. The divergence is the paper's cross-entropy without the entropy of
//! the teacher, which no student can change: zero for a perfect one.

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

/// What the logits of a batch should be.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// Classes of the images, `[n]`.
    pub labels: &'a [u32],
    /// Share of a target that is spread evenly over all classes, in `0..=1`.
    pub smoothing: f32,
    /// The images that were mixed in, if any.
    pub partner: Option<Partner<'a>>,
    /// A network to imitate, if any.
    pub teacher: Option<Teacher<'a>>,
}

/// The images mixed into those of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Partner<'a> {
    /// Their classes, `[n]`.
    pub labels: &'a [u32],
    /// Share of the batch's own images in the mixture, in `0..=1`.
    pub share: f32,
}

/// What a trained network says about the images of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Teacher<'a> {
    /// Its logits, `[n, classes]`.
    pub logits: &'a [f32],
    /// Divides both networks' logits, above 0.
    pub temperature: f32,
    /// Share of the teacher in the loss, in `0..=1`.
    pub weight: f32,
}

impl<'a> Targets<'a> {
    /// One class an image, with certainty.
    pub fn hard(labels: &'a [u32]) -> Self {
        Self { labels, smoothing: 0.0, partner: None, teacher: None }
    }

    /// The target of one class of one sample, `q[sample, class]`.
    fn target(&self, sample: usize, class: usize, classes: usize) -> f64 {
        let smoothing = f64::from(self.smoothing);
        let is = |labels: &[u32]| f64::from(u8::from(labels[sample] as usize == class));
        let label = match self.partner {
            None => is(self.labels),
            Some(Partner { labels, share }) => {
                let share = f64::from(share);
                share * is(self.labels) + (1.0 - share) * is(labels)
            }
        };
        (1.0 - smoothing) * label + smoothing / classes as f64
    }

    fn check(&self, logits: &[f32], classes: usize) -> Result<(), LabelOutOfRange> {
        assert_eq!(logits.len(), self.labels.len() * classes, "logits");
        if let Some(teacher) = self.teacher {
            assert_eq!(logits.len(), teacher.logits.len(), "logits of the teacher");
        }
        check_labels(self.labels, classes)?;
        self.partner.map_or(Ok(()), |partner| {
            assert_eq!(self.labels.len(), partner.labels.len(), "labels of the partners");
            check_labels(partner.labels, classes)
        })
    }
}

fn check_labels(labels: &[u32], classes: usize) -> Result<(), LabelOutOfRange> {
    match labels.iter().position(|&label| label as usize >= classes) {
        Some(sample) => Err(LabelOutOfRange { sample, label: labels[sample], classes }),
        None => Ok(()),
    }
}

/// The mean loss of `logits: [n, classes]`.
///
/// # Errors
/// When a label is not below `classes`.
///
/// # Panics
/// When a length does not fit that of the labels.
pub fn loss(logits: &[f32], targets: Targets<'_>, classes: usize) -> Result<f64, LabelOutOfRange> {
    visit(logits, targets, classes, |_, _| {})
}

/// The mean loss of `logits: [n, classes]`; its gradient by the logits goes to `dlogits: [n, classes]`.
///
/// # Errors
/// When a label is not below `classes`.
///
/// # Panics
/// When a length does not fit that of the labels.
pub fn loss_and_gradient(
    logits: &[f32],
    targets: Targets<'_>,
    classes: usize,
    dlogits: &mut [f32],
) -> Result<f64, LabelOutOfRange> {
    assert_eq!(logits.len(), dlogits.len(), "logits and their gradient");
    visit(logits, targets, classes, |at, gradient| dlogits[at] = gradient)
}

/// The mean loss; calls `gradient` with the position of each logit and the derivative by it.
fn visit(
    logits: &[f32],
    targets: Targets<'_>,
    classes: usize,
    mut gradient: impl FnMut(usize, f32),
) -> Result<f64, LabelOutOfRange> {
    targets.check(logits, classes)?;
    let share = 1.0 / targets.labels.len() as f64;
    let of_labels = 1.0 - targets.teacher.map_or(0.0, |teacher| f64::from(teacher.weight));
    let mut loss = 0.0;
    for (sample, logits) in logits.chunks_exact(classes).enumerate() {
        let of_all = log_sum_exp(logits, 1.0);
        let imitated = targets.teacher.map(|teacher| Imitated::new(teacher, logits, sample));
        for (class, &logit) in logits.iter().enumerate() {
            let target = targets.target(sample, class, classes);
            let log_p = f64::from(logit) - of_all;
            loss -= of_labels * target * log_p;
            let mut slope = of_labels * (log_p.exp() - target);
            if let Some(imitated) = &imitated {
                let (loss_of_class, slope_of_class) = imitated.class(class, logit);
                loss += loss_of_class;
                slope += slope_of_class;
            }
            gradient(sample * classes + class, (share * slope) as f32);
        }
    }
    Ok(share * loss)
}

/// One sample under its teacher.
struct Imitated<'a> {
    teacher: &'a [f32],
    /// `1 / T`.
    scale: f64,
    weight: f64,
    of_student: f64,
    of_teacher: f64,
}

impl<'a> Imitated<'a> {
    fn new(teacher: Teacher<'a>, student: &[f32], sample: usize) -> Self {
        let scale = f64::from(teacher.temperature).recip();
        let row = &teacher.logits[sample * student.len()..][..student.len()];
        let of_student = log_sum_exp(student, scale);
        Self {
            teacher: row,
            scale,
            weight: f64::from(teacher.weight),
            of_student,
            of_teacher: log_sum_exp(row, scale),
        }
    }

    /// Loss and derivative of one class.
    fn class(&self, class: usize, logit: f32) -> (f64, f64) {
        let log_p = f64::from(logit) * self.scale - self.of_student;
        let log_target = f64::from(self.teacher[class]) * self.scale - self.of_teacher;
        let target = log_target.exp();
        let temperature = self.scale.recip();
        let loss = self.weight * temperature * temperature * target * (log_target - log_p);
        (loss, self.weight * temperature * (log_p.exp() - target))
    }
}

/// `ln(sum(exp(scale * logits)))`, safe for logits of any size.
fn log_sum_exp(logits: &[f32], scale: f64) -> f64 {
    let largest = scale * f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    largest + logits.iter().map(|&logit| (scale * f64::from(logit) - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::testing::{assert_close, numeric_gradient, values, wide};

    const CLASSES: usize = 7;

    fn softmax(logits: &[f64], temperature: f64) -> Vec<f64> {
        let powers: Vec<f64> = logits.iter().map(|logit| (logit / temperature).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.iter().map(|power| power / sum).collect()
    }

    /// The loss by its definition.
    fn exact(logits: &[f64], targets: &Targets<'_>) -> f64 {
        let cross = |q: &[f64], p: &[f64]| -> f64 { q.iter().zip(p).map(|(q, p)| -q * p.ln()).sum() };
        let mut loss = 0.0;
        for (sample, logits) in logits.chunks_exact(CLASSES).enumerate() {
            let smoothing = f64::from(targets.smoothing);
            let mut q = vec![smoothing / CLASSES as f64; CLASSES];
            let own = targets.partner.map_or(1.0, |partner| f64::from(partner.share));
            q[targets.labels[sample] as usize] += (1.0 - smoothing) * own;
            if let Some(partner) = targets.partner {
                q[partner.labels[sample] as usize] += (1.0 - smoothing) * (1.0 - own);
            }
            let of_labels = cross(&q, &softmax(logits, 1.0));
            loss += match targets.teacher {
                None => of_labels,
                Some(Teacher { logits: teacher, temperature, weight }) => {
                    let (t, weight) = (f64::from(temperature), f64::from(weight));
                    let teacher = wide(&teacher[sample * CLASSES..][..CLASSES]);
                    let wanted = softmax(&teacher, t);
                    let divergence = cross(&wanted, &softmax(logits, t)) - cross(&wanted, &wanted);
                    (1.0 - weight) * of_labels + weight * t * t * divergence
                }
            };
        }
        loss / targets.labels.len() as f64
    }

    #[test]
    fn agrees_with_the_definition_and_its_finite_differences() {
        let logits: Vec<f32> = values(5 * CLASSES, 1).iter().map(|v| 4.0 * v).collect();
        let teacher_logits: Vec<f32> = values(5 * CLASSES, 2).iter().map(|v| 3.0 * v).collect();
        let partner = Partner { labels: &[1, 6, 0, 2, 5], share: 0.7 };
        let teacher = Teacher { logits: &teacher_logits, temperature: 4.0, weight: 0.3 };
        for smoothing in [0.0, 0.1, 0.5] {
            for partner in [None, Some(partner)] {
                for teacher in [None, Some(teacher), Some(Teacher { weight: 1.0, ..teacher })] {
                    let targets = Targets { labels: &[0, 6, 3, 3, 1], smoothing, partner, teacher };
                    let mut dlogits = vec![f32::NAN; logits.len()];
                    let found = loss_and_gradient(&logits, targets, CLASSES, &mut dlogits).unwrap();
                    let wanted = exact(&wide(&logits), &targets);
                    assert!((found - wanted).abs() < 1e-9, "{found} is not {wanted}: {targets:?}");
                    assert_eq!(loss(&logits, targets, CLASSES), Ok(found));
                    let slopes = numeric_gradient(&wide(&logits), |l| exact(l, &targets));
                    assert_close(&dlogits, &slopes, 1e-6);
                }
            }
        }
    }

    #[test]
    fn a_student_that_equals_its_teacher_is_left_alone() {
        let logits = values(2 * CLASSES, 3);
        let teacher = Some(Teacher { logits: &logits, temperature: 2.0, weight: 1.0 });
        let targets = Targets { teacher, ..Targets::hard(&[0, 1]) };
        let mut dlogits = vec![f32::NAN; logits.len()];
        let loss = loss_and_gradient(&logits, targets, CLASSES, &mut dlogits).unwrap();
        assert_eq!(loss, 0.0);
        assert!(dlogits.iter().all(|&d| d == 0.0), "{dlogits:?}");
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        let logits = [1e30, 0.0, -1e30];
        assert_eq!(loss(&logits, Targets::hard(&[0]), 3), Ok(0.0));
        let mut dlogits = [f32::NAN; 3];
        loss_and_gradient(&logits, Targets::hard(&[1]), 3, &mut dlogits).unwrap();
        assert_eq!(dlogits, [1.0, -1.0, 0.0]);
    }

    #[test]
    fn nan_shows() {
        assert!(loss(&[f32::NAN, 0.0], Targets::hard(&[0]), 2).unwrap().is_nan());
        assert!(loss(&[0.0, f32::INFINITY], Targets::hard(&[0]), 2).unwrap().is_nan());
    }

    #[test]
    fn a_wrong_label_is_an_error() {
        let wrong = LabelOutOfRange { sample: 1, label: 2, classes: 2 };
        assert_eq!(loss(&[0.0; 4], Targets::hard(&[0, 2]), 2), Err(wrong));
        let partner = Some(Partner { labels: &[0, 2], share: 0.5 });
        let mixed = Targets { partner, ..Targets::hard(&[0, 1]) };
        assert_eq!(loss_and_gradient(&[0.0; 4], mixed, 2, &mut [0.0; 4]), Err(wrong));
    }
}
