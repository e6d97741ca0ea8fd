//! What training minimises: the cross-entropy of a batch with its targets, and of a teacher's view of it.

use super::recipe::{Distillation, Recipe};
use super::{Score, TrainError};
use crate::confusion::most_likely;
use crate::data::Batch;
use crate::kernels::cross_entropy::{Partner, Targets, Teacher, loss_and_gradient};
use crate::nn::{Engine, Mode, Network};

/// The loss of a recipe.
pub(super) struct Objective {
    classes: usize,
    smoothing: f32,
    teacher: Option<(Engine, Distillation)>,
    dlogits: Vec<f32>,
}

impl Objective {
    /// The loss of `recipe` for that many classes.
    ///
    /// # Errors
    /// If the recipe distils and there is no teacher, or the other way round.
    pub(super) fn new(
        recipe: &Recipe,
        classes: usize,
        teacher: Option<&Network>,
    ) -> Result<Self, TrainError> {
        let teacher = match (recipe.distill, teacher) {
            (None, None) => None,
            (Some(distill), Some(network)) => Some((Engine::new(network, recipe.batch.get())?, distill)),
            (distill, _) => return Err(TrainError::Teacher { wanted: distill.is_some() }),
        };
        Ok(Self { classes, smoothing: recipe.label_smoothing as f32, teacher, dlogits: Vec::new() })
    }

    /// Loss and score of the `logits` of a batch; keeps the gradient for [`Self::dlogits`].
    ///
    /// # Errors
    /// If the batch does not fit the network or the teacher.
    pub(super) fn compute(&mut self, logits: &[f32], batch: &Batch) -> Result<(f64, Score), TrainError> {
        TrainError::check_classes(logits, batch.len(), self.classes)?;
        let teacher = match &mut self.teacher {
            None => None,
            Some((engine, Distillation { temperature, weight })) => Some(Teacher {
                logits: engine.forward(&batch.pixels, batch.shape, Mode::Evaluate)?,
                temperature: *temperature as f32,
                weight: *weight as f32,
            }),
        };
        let targets = Targets {
            labels: &batch.labels,
            smoothing: self.smoothing,
            partner: batch.mixed.as_ref().map(|mixed| Partner { labels: &mixed.labels, share: mixed.share }),
            teacher,
        };
        self.dlogits.resize(logits.len(), 0.0);
        let loss = loss_and_gradient(logits, targets, self.classes, &mut self.dlogits)?;
        let rows = logits.chunks_exact(self.classes).zip(most_seen(batch));
        let correct = rows.filter(|(logits, label)| most_likely(logits) == **label as usize).count();
        Ok((loss, Score { correct: correct as u64, total: batch.len() as u64 }))
    }

    /// The gradient of the last loss by the logits, `[n, classes]`.
    pub(super) fn dlogits(&self) -> &[f32] {
        &self.dlogits
    }
}

/// For each image the class that most of it shows: where images are mixed, that of the larger share.
fn most_seen(batch: &Batch) -> &[u32] {
    match &batch.mixed {
        Some(mixed) if mixed.share < 0.5 => &mixed.labels,
        _ => &batch.labels,
    }
}
