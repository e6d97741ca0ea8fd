//! Recipes as people write them (`recipes/*.toml`).

use std::num::NonZeroUsize;
use std::ops::{Bound, Range, RangeBounds};

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::recipe::{Distillation, OptimizerKind, Recipe};
use super::schedule::{Decay, Schedule};
use crate::data::Augment;
use crate::diagnostic::{FileError, Source};

/// A recipe file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipeFile {
    /// Passes over the training images.
    #[schemars(with = "u32")]
    epochs: Spanned<u32>,
    /// Images in a step.
    #[schemars(with = "u32")]
    batch: Spanned<u32>,
    /// The update rule.
    #[schemars(with = "OptimizerKind")]
    optimizer: Spanned<OptimizerTable>,
    /// The learning rate.
    #[schemars(with = "Schedule")]
    schedule: Spanned<ScheduleTable>,
    /// Decay of weights, L2 in the gradient or decoupled (adamw); batch norm and biases are not decayed. Default 0.
    #[schemars(with = "Option<f64>")]
    weight_decay: Option<Spanned<f64>>,
    /// Share of the target that is spread over all classes. Default 0.
    #[schemars(with = "Option<f64>")]
    label_smoothing: Option<Spanned<f64>>,
    /// Dropout before the classifier. Default: the network's own.
    #[schemars(with = "Option<f64>")]
    dropout: Option<Spanned<f64>>,
    /// Decay of the moving average of weights that takes their place in the end. Default: no average.
    #[schemars(with = "Option<f64>")]
    ema: Option<Spanned<f64>>,
    /// Largest norm of the gradient of all weights together. Default: unlimited.
    #[schemars(with = "Option<f64>")]
    clip_norm: Option<Spanned<f64>>,
    /// Batches whose statistics replace the running ones of batch norm in final weights. Default 0.
    #[schemars(with = "Option<u32>")]
    recalibrate: Option<Spanned<u32>>,
    /// Random changes of the training images. Default: none.
    augment: Option<Augment>,
    /// Imitation of a teacher, which the command line names.
    #[schemars(with = "Option<Distillation>")]
    distill: Option<DistillTable>,
}

/// Settings of all update rules; which of them apply depends on `kind`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptimizerTable {
    kind: OptimizerName,
    momentum: Option<Spanned<f64>>,
    nesterov: Option<Spanned<bool>>,
    decay: Option<Spanned<f64>>,
    beta1: Option<Spanned<f64>>,
    beta2: Option<Spanned<f64>>,
    eps: Option<Spanned<f64>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OptimizerName {
    Sgd,
    Rmsprop,
    Adamw,
}

/// Settings of all schedules; which of them apply depends on `kind`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleTable {
    kind: DecayName,
    learning_rate: Spanned<f64>,
    warmup_epochs: Option<Spanned<f64>>,
    final_rate: Option<Spanned<f64>>,
    every: Option<Spanned<f64>>,
    factor: Option<Spanned<f64>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DecayName {
    Cosine,
    Step,
    Exponential,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DistillTable {
    temperature: Spanned<f64>,
    weight: Spanned<f64>,
}

/// From the first bound to the second.
type Bounds = (Bound<f64>, Bound<f64>);

/// From 0 to below 1: shares that are kept.
const SHARE: Bounds = (Bound::Included(0.0), Bound::Excluded(1.0));
/// Above 0 and below 1.
const INNER_SHARE: Bounds = (Bound::Excluded(0.0), Bound::Excluded(1.0));
/// Above 0 and at most 1.
const POSITIVE_SHARE: Bounds = (Bound::Excluded(0.0), Bound::Included(1.0));
const RATE: Bounds = (Bound::Excluded(0.0), Bound::Included(1e6));
const EPOCHS: Bounds = (Bound::Excluded(0.0), Bound::Included(1e6));
const NORM: Bounds = (Bound::Excluded(0.0), Bound::Included(1e12));
const TEMPERATURE: Bounds = (Bound::Excluded(0.0), Bound::Included(1e3));

impl Recipe {
    /// Reads the text of a recipe file; `file` names it in errors.
    ///
    /// # Errors
    /// Unknown keys, wrong types, numbers out of range and settings of another optimizer or schedule, each with its
    /// place in the file.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, FileError> {
        let raw: RecipeFile =
            toml::from_str(text).map_err(|error| FileError::from_toml(file, text, &error))?;
        raw.check(&Source { file, text })
    }
}

impl RecipeFile {
    fn check(&self, source: &Source<'_>) -> Result<Recipe, FileError> {
        let optional = |name, value: &Option<Spanned<f64>>, bounds| {
            value.as_ref().map(|value| number(source, name, value, bounds)).transpose()
        };
        let batch = source.in_range(&self.batch, "batch", 1..65_537)?;
        let recalibrate = match &self.recalibrate {
            Some(batches) => source.in_range(batches, "recalibrate", 0..100_001)?,
            None => 0,
        };
        Ok(Recipe {
            epochs: source.in_range(&self.epochs, "epochs", 1..100_001)?,
            batch: NonZeroUsize::new(batch as usize).expect("its range begins at 1"),
            weight_decay: optional("weight_decay", &self.weight_decay, SHARE)?.unwrap_or(0.0),
            label_smoothing: optional("label_smoothing", &self.label_smoothing, SHARE)?.unwrap_or(0.0),
            dropout: optional("dropout", &self.dropout, SHARE)?,
            ema: optional("ema", &self.ema, INNER_SHARE)?,
            clip_norm: optional("clip_norm", &self.clip_norm, NORM)?,
            recalibrate,
            optimizer: optimizer(source, &self.optimizer)?,
            schedule: schedule(source, &self.schedule)?,
            augment: self.augment.unwrap_or(Augment::NONE),
            distill: self.distill.as_ref().map(|table| distillation(source, table)).transpose()?,
        })
    }
}

fn optimizer(source: &Source<'_>, table: &Spanned<OptimizerTable>) -> Result<OptimizerKind, FileError> {
    let file = table.get_ref();
    let settings = Settings {
        source,
        table: table.span(),
        given: &[
            ("momentum", span(&file.momentum)),
            ("nesterov", span(&file.nesterov)),
            ("decay", span(&file.decay)),
            ("beta1", span(&file.beta1)),
            ("beta2", span(&file.beta2)),
            ("eps", span(&file.eps)),
        ],
    };
    match file.kind {
        OptimizerName::Sgd => {
            settings.only("sgd", &["momentum", "nesterov"])?;
            Ok(OptimizerKind::Sgd {
                momentum: settings.number("momentum", &file.momentum, SHARE)?,
                nesterov: file.nesterov.as_ref().is_some_and(|nesterov| *nesterov.get_ref()),
            })
        }
        OptimizerName::Rmsprop => {
            settings.only("rmsprop", &["decay", "momentum", "eps"])?;
            Ok(OptimizerKind::Rmsprop {
                decay: settings.number("decay", &file.decay, SHARE)?,
                momentum: settings.number("momentum", &file.momentum, SHARE)?,
                eps: settings.number("eps", &file.eps, POSITIVE_SHARE)?,
            })
        }
        OptimizerName::Adamw => {
            settings.only("adamw", &["beta1", "beta2", "eps"])?;
            Ok(OptimizerKind::Adamw {
                beta1: settings.number("beta1", &file.beta1, SHARE)?,
                beta2: settings.number("beta2", &file.beta2, SHARE)?,
                eps: settings.number("eps", &file.eps, POSITIVE_SHARE)?,
            })
        }
    }
}

fn schedule(source: &Source<'_>, table: &Spanned<ScheduleTable>) -> Result<Schedule, FileError> {
    let file = table.get_ref();
    let settings = Settings {
        source,
        table: table.span(),
        given: &[
            ("final_rate", span(&file.final_rate)),
            ("every", span(&file.every)),
            ("factor", span(&file.factor)),
        ],
    };
    let learning_rate = number(source, "learning_rate", &file.learning_rate, RATE)?;
    let up_to_the_rate = (Bound::Included(0.0), Bound::Included(learning_rate));
    let falls = |name: &str| {
        settings.only(name, &["learning_rate", "warmup_epochs", "every", "factor"])?;
        let every = settings.number("every", &file.every, EPOCHS)?;
        Ok((every, settings.number("factor", &file.factor, POSITIVE_SHARE)?))
    };
    let decay = match file.kind {
        DecayName::Cosine => {
            settings.only("cosine", &["learning_rate", "warmup_epochs", "final_rate"])?;
            let final_rate = file.final_rate.as_ref();
            let final_rate = final_rate.map(|rate| number(source, "final_rate", rate, up_to_the_rate));
            Decay::Cosine { final_rate: final_rate.transpose()?.unwrap_or(0.0) }
        }
        DecayName::Step => falls("step").map(|(every, factor)| Decay::Step { every, factor })?,
        DecayName::Exponential => {
            falls("exponential").map(|(every, factor)| Decay::Exponential { every, factor })?
        }
    };
    let warmup = (Bound::Included(0.0), EPOCHS.1);
    let warmup = file.warmup_epochs.as_ref().map(|epochs| number(source, "warmup_epochs", epochs, warmup));
    Ok(Schedule { decay, learning_rate, warmup_epochs: warmup.transpose()?.unwrap_or(0.0) })
}

fn distillation(source: &Source<'_>, table: &DistillTable) -> Result<Distillation, FileError> {
    Ok(Distillation {
        temperature: number(source, "temperature", &table.temperature, TEMPERATURE)?,
        weight: number(source, "weight", &table.weight, POSITIVE_SHARE)?,
    })
}

fn span<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
    value.as_ref().map(Spanned::span)
}

/// The settings of a table with a `kind`.
struct Settings<'a> {
    source: &'a Source<'a>,
    table: Range<usize>,
    given: &'a [(&'static str, Option<Range<usize>>)],
}

impl Settings<'_> {
    /// Refuses settings that `kind` does not have.
    fn only(&self, kind: &str, known: &[&str]) -> Result<(), FileError> {
        let surplus = self.given.iter().filter(|(name, _)| !known.contains(name));
        match surplus.filter_map(|(name, span)| Some((name, span.clone()?))).next() {
            None => Ok(()),
            Some((name, span)) => Err(self
                .source
                .error(span, format!("{kind} has no `{name}`"))
                .with_remedy(format!("settings of {kind}: {}", known.join(", ")))),
        }
    }

    /// A setting that must be there.
    fn number(&self, name: &str, value: &Option<Spanned<f64>>, bounds: Bounds) -> Result<f64, FileError> {
        match value {
            Some(value) => number(self.source, name, value, bounds),
            None => Err(self.source.error(self.table.clone(), format!("missing field `{name}`"))),
        }
    }
}

/// A number within bounds.
fn number(source: &Source<'_>, name: &str, value: &Spanned<f64>, bounds: Bounds) -> Result<f64, FileError> {
    let number = *value.get_ref();
    if bounds.contains(&number) {
        return Ok(number);
    }
    let low = match bounds.0 {
        Bound::Included(low) => format!("from {low}"),
        Bound::Excluded(low) => format!("above {low}"),
        Bound::Unbounded => "of any size".to_owned(),
    };
    let high = match bounds.1 {
        Bound::Included(high) => format!("to {high}"),
        Bound::Excluded(high) => format!("to below {high}"),
        Bound::Unbounded => "upwards".to_owned(),
    };
    Err(source
        .error(value.span(), format!("{name} = {number} is out of range"))
        .with_remedy(format!("use a number {low} {high}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const FULL: &str = r#"epochs = 3
batch = 32
optimizer = { kind = "rmsprop", decay = 0.9, momentum = 0.8, eps = 1e-3 }
schedule = { kind = "step", learning_rate = 0.1, warmup_epochs = 1.5, every = 2, factor = 0.5 }
weight_decay = 1e-5
label_smoothing = 0.1
dropout = 0.2
ema = 0.999
clip_norm = 5.0
recalibrate = 4
augment = { pad = 2, flip = true }
distill = { temperature = 4, weight = 0.7 }
"#;

    #[test]
    fn every_setting_is_read() {
        let recipe = Recipe::from_toml("r.toml", FULL).expect("valid");
        let expected = Recipe {
            epochs: 3,
            batch: NonZeroUsize::new(32).expect("above 0"),
            weight_decay: 1e-5,
            label_smoothing: 0.1,
            dropout: Some(0.2),
            ema: Some(0.999),
            clip_norm: Some(5.0),
            recalibrate: 4,
            optimizer: OptimizerKind::Rmsprop { decay: 0.9, momentum: 0.8, eps: 1e-3 },
            schedule: Schedule {
                decay: Decay::Step { every: 2.0, factor: 0.5 },
                learning_rate: 0.1,
                warmup_epochs: 1.5,
            },
            augment: Augment { pad: 2, flip: true, ..Augment::NONE },
            distill: Some(Distillation { temperature: 4.0, weight: 0.7 }),
        };
        assert_eq!(recipe, expected);
    }

    /// What a run folder holds can be given as a recipe again.
    #[test]
    fn a_recipe_survives_writing_and_reading() {
        for text in [FULL, crate::train::RECIPES[0].1] {
            let recipe = Recipe::from_toml("r.toml", text).expect("valid");
            let written = toml::to_string(&recipe).expect("toml");
            let again =
                Recipe::from_toml("again.toml", &written).unwrap_or_else(|e| panic!("{e}\n{written}"));
            assert_eq!(again, recipe, "{written}");
        }
    }

    #[rstest]
    #[case("epochs = 3", "epochs = 0", "r.toml:1:10: epochs = 0 is out of range")]
    #[case("epochs = 3\n", "", "missing field `epochs`")]
    #[case("batch = 32", "batch = \"32\"", "r.toml:2:9: invalid type")]
    #[case("weight_decay", "weight_decays", "r.toml:5:1: unknown field `weight_decays`")]
    #[case("\"rmsprop\"", "\"adam\"", "r.toml:3:22: unknown variant `adam`")]
    #[case("decay = 0.9", "decay = 1.0", "r.toml:3:41: decay = 1 is out of range")]
    #[case("\"rmsprop\"", "\"sgd\"", "r.toml:3:37: sgd has no `decay`")]
    #[case(", eps = 1e-3", "", "r.toml:3:13: missing field `eps`")]
    #[case("eps = 1e-3", "eps = 1e-3, eta = 1", "r.toml:3:74: unknown field `eta`")]
    #[case("learning_rate = 0.1", "learning_rate = -0.1", "learning_rate = -0.1 is out of range")]
    #[case("learning_rate = 0.1", "learning_rate = nan", "learning_rate = NaN is out of range")]
    #[case("\"step\"", "\"cosine\"", "cosine has no `every`")]
    #[case("every = 2, factor = 0.5", "every = 2", "missing field `factor`")]
    #[case("ema = 0.999", "ema = 1.0", "r.toml:8:7: ema = 1 is out of range")]
    #[case("weight = 0.7", "weight = 1.7", "weight = 1.7 is out of range")]
    #[case("pad = 2", "pads = 2", "r.toml:11:13: unknown field `pads`")]
    #[case("pad = 2", "pad = -2", "r.toml:11:19: invalid value: integer `-2`")]
    #[case("pad = 2", "mixup = 0", "r.toml:11:21: mixup is 0, but must be from 0.01 to 100")]
    #[case("pad = 2", "rand_augment = { magnitude = 31 }", "r.toml:11:28: rand_augment.magnitude is 31")]
    fn a_mistake_is_told_with_its_place(#[case] good: &str, #[case] bad: &str, #[case] says: &str) {
        assert!(FULL.contains(good), "{good}");
        let error = Recipe::from_toml("r.toml", &FULL.replacen(good, bad, 1)).expect_err(bad);
        assert!(error.to_string().contains(says), "{error}");
    }

    #[test]
    fn a_mistake_in_a_table_of_its_own_is_told_with_its_line() {
        let table = "\n[augment]\npad = 2\nmixup = 200\n";
        let text = FULL.replacen("augment = { pad = 2, flip = true }\n", "", 1) + table;
        let error = Recipe::from_toml("r.toml", &text).expect_err("200 is above 100").to_string();
        assert!(error.contains("r.toml:15:9: mixup is 200"), "{error}");
    }

    #[test]
    fn a_cosine_cannot_end_above_its_start() {
        let text =
            FULL.replace("\"step\"", "\"cosine\"").replace("every = 2, factor = 0.5", "final_rate = 0.2");
        let error = Recipe::from_toml("r.toml", &text).expect_err("0.2 is above 0.1").to_string();
        assert!(error.contains("final_rate = 0.2 is out of range"), "{error}");
    }
}
