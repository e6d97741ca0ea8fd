//! Search spaces as people write them (`search_spaces/*.toml`).

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::decision::{Choices, Decision, Dimension};
use super::layout::{BlockChoices, HeadPart, SearchSpace, Stage, StageKind};
use crate::diagnostic::{FileError, Source};
use crate::spec::notation::MAX_CHANNELS;
use crate::spec::source::{no_dropout, no_dropout_value, rgb, rgb_value};
use crate::spec::{Activation, BatchNormSpec, Padding};

/// Most choices of one decision: a genotype stores an index in a byte.
const MOST_CHOICES: usize = 200;

/// A search space file. A list of one value fixes it; more values are a decision.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpaceFile {
    /// A name for people.
    name: String,
    /// Sides of the square input in pixels.
    #[schemars(with = "Vec<u32>")]
    resolution: Spanned<Vec<u32>>,
    /// Channels of the input image.
    #[serde(default = "rgb")]
    #[schemars(with = "u32", default = "rgb_value")]
    input_channels: Spanned<u32>,
    /// Outputs of the classifier.
    #[schemars(with = "u32")]
    classes: Spanned<u32>,
    /// Padding of every convolution.
    padding: Padding,
    /// Constants of every batch norm.
    #[schemars(with = "BatchNormSpec")]
    batch_norm: Spanned<BatchNormSpec>,
    /// Dropout rate before the classifier.
    #[serde(default = "no_dropout")]
    #[schemars(with = "f64", default = "no_dropout_value")]
    dropout: Spanned<f64>,
    /// The first convolution.
    stem: StemFile,
    /// The stages, in order.
    #[serde(default)]
    #[schemars(with = "Vec<StageFile>")]
    stage: Vec<Spanned<StageFile>>,
    /// 1x1 convolutions, `pool`, hidden linear layers.
    #[schemars(with = "Vec<HeadFile>")]
    head: Vec<Spanned<HeadFile>>,
}

/// The first convolution.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StemFile {
    /// Sides of the kernel.
    #[schemars(with = "Vec<u32>")]
    kernel: Spanned<Vec<u32>>,
    /// Stride.
    stride: SpannedNumber,
    /// Output channels.
    #[schemars(with = "Vec<u32>")]
    width: Spanned<Vec<u32>>,
    /// Activations.
    #[schemars(with = "Vec<Activation>")]
    activation: Spanned<Vec<Activation>>,
}

/// A run of blocks of one width; the first has the stride, the others 1.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StageFile {
    /// `ir` (inverted residual), `ds` (depthwise separable) or `conv`.
    block: StageKind,
    /// Stride of the first block.
    stride: SpannedNumber,
    /// Numbers of blocks.
    #[schemars(with = "Vec<u32>")]
    depth: Spanned<Vec<u32>>,
    /// Output channels; left out, the stage keeps the width that comes in.
    #[schemars(with = "Option<Vec<u32>>")]
    width: Option<Spanned<Vec<u32>>>,
    /// Sides of the depthwise kernel.
    #[schemars(with = "Vec<u32>")]
    kernel: Spanned<Vec<u32>>,
    /// Hidden over input channels (`ir` only).
    #[schemars(with = "Option<Vec<f64>>")]
    expansion: Option<Spanned<Vec<f64>>>,
    /// Squeeze-excite off or on (`ir` only; off when left out).
    #[schemars(with = "Option<Vec<bool>>")]
    se: Option<Spanned<Vec<bool>>>,
    /// Activations.
    #[schemars(with = "Vec<Activation>")]
    activation: Spanned<Vec<Activation>>,
    /// Which of kernel, expansion, se and activation each block decides for
    /// itself; the others are decided once for the stage.
    #[serde(default)]
    #[schemars(with = "Vec<Dimension>")]
    per_block: Vec<Spanned<Dimension>>,
}

/// A number that knows its place in the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
struct SpannedNumber(#[schemars(with = "u32")] Spanned<u32>);

/// One part of the head.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HeadFile {
    /// `conv` (1x1), `pool` or `linear`.
    block: HeadKind,
    /// Output channels (not for `pool`).
    #[schemars(with = "Option<Vec<u32>>")]
    width: Option<Spanned<Vec<u32>>>,
    /// Activations (not for `pool`).
    #[schemars(with = "Option<Vec<Activation>>")]
    activation: Option<Spanned<Vec<Activation>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum HeadKind {
    Conv,
    Pool,
    Linear,
}

impl SearchSpace {
    /// Reads the text of a space file; `file` names it in errors.
    ///
    /// # Errors
    /// Unknown keys, wrong types, empty or impossible choices, each with its
    /// place in the file.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, FileError> {
        let raw: SpaceFile = toml::from_str(text).map_err(|error| {
            FileError::from_toml(file, text, &error)
                .with_remedy("choices are lists such as kernel = [3, 5]; docs/formats.md describes the file")
        })?;
        Builder { source: Source { file, text }, decisions: Vec::new() }.space(&raw)
    }
}

/// Checks a file and numbers its decisions.
struct Builder<'a> {
    source: Source<'a>,
    decisions: Vec<Decision>,
}

type Checked<T> = Result<T, FileError>;

impl Builder<'_> {
    fn space(mut self, raw: &SpaceFile) -> Checked<SearchSpace> {
        let resolution = self.numbers(&raw.resolution, "input", Dimension::Resolution, 8..=4096)?;
        let stem = self.stem(&raw.stem)?;
        if raw.stage.is_empty() {
            return Err(self
                .error(0..0, "the space has no stages")
                .with_remedy("add at least one [[stage]]"));
        }
        let stages = raw
            .stage
            .iter()
            .enumerate()
            .map(|(index, stage)| self.stage(index, stage))
            .collect::<Checked<Vec<_>>>()?;
        let head = self.head(&raw.head)?;
        let arity = self.decisions.iter().map(|decision| decision.choices.len()).collect();
        Ok(SearchSpace {
            name: raw.name.clone(),
            input_channels: self.source.in_range(&raw.input_channels, "input_channels", 1..1025)?,
            classes: self.source.in_range(&raw.classes, "classes", 1..1_000_001)?,
            padding: raw.padding,
            batch_norm: self.source.batch_norm(&raw.batch_norm)?,
            dropout: self.source.dropout(&raw.dropout)?,
            resolution,
            stem,
            stages,
            head,
            decisions: self.decisions,
            arity,
        })
    }

    fn error(&self, span: std::ops::Range<usize>, message: impl Into<String>) -> FileError {
        self.source.error(span, message)
    }

    /// Turns a list into choices; more than one value makes a decision.
    fn choices<T: Copy + PartialEq>(
        &mut self,
        list: &Spanned<Vec<T>>,
        place: &str,
        dimension: Dimension,
        optional: Option<(usize, usize)>,
        show: impl Fn(&T) -> String,
    ) -> Checked<Choices<T>> {
        let values = list.get_ref().clone();
        let name = dimension.name();
        if values.is_empty() {
            return Err(self
                .error(list.span(), format!("{place}: `{name}` has no choices"))
                .with_remedy("list at least one value"));
        }
        if values.len() > MOST_CHOICES {
            return Err(
                self.error(list.span(), format!("{place}: `{name}` has more than {MOST_CHOICES} choices"))
            );
        }
        for (index, value) in values.iter().enumerate() {
            if values[..index].contains(value) {
                return Err(self.error(list.span(), format!("{place}: `{name}` lists {} twice", show(value))));
            }
        }
        let slot = (values.len() > 1).then(|| {
            let choices = values.iter().map(show).collect();
            self.decisions.push(Decision { place: place.to_owned(), dimension, choices, optional });
            self.decisions.len() - 1
        });
        Ok(Choices { values, slot })
    }

    fn numbers(
        &mut self,
        list: &Spanned<Vec<u32>>,
        place: &str,
        dimension: Dimension,
        range: std::ops::RangeInclusive<u32>,
    ) -> Checked<Choices<u32>> {
        self.check_numbers(list, place, dimension, range)?;
        self.choices(list, place, dimension, None, u32::to_string)
    }

    fn check_numbers(
        &self,
        list: &Spanned<Vec<u32>>,
        place: &str,
        dimension: Dimension,
        range: std::ops::RangeInclusive<u32>,
    ) -> Checked<()> {
        match list.get_ref().iter().find(|value| !range.contains(value)) {
            Some(value) => Err(self
                .error(list.span(), format!("{place}: {} = {value} is out of range", dimension.name()))
                .with_remedy(format!("use values from {} to {}", range.start(), range.end()))),
            None => Ok(()),
        }
    }

    fn check_kernels(&self, list: &Spanned<Vec<u32>>, place: &str) -> Checked<()> {
        match list.get_ref().iter().find(|&&k| k % 2 == 0 || k > 15) {
            Some(k) => Err(self
                .error(list.span(), format!("{place}: a kernel of {k} is not possible"))
                .with_remedy("kernels are odd and at most 15, usually 3, 5 or 7")),
            None => Ok(()),
        }
    }

    fn stride(&self, stride: &SpannedNumber, place: &str) -> Checked<u32> {
        let value = *stride.0.get_ref();
        if (1..=4).contains(&value) {
            return Ok(value);
        }
        Err(self.error(stride.0.span(), format!("{place}: a stride is 1 to 4, not {value}")))
    }

    fn stem(&mut self, raw: &StemFile) -> Checked<Stage> {
        self.check_kernels(&raw.kernel, "stem")?;
        let kernel = self.choices(&raw.kernel, "stem", Dimension::Kernel, None, u32::to_string)?;
        let width = self.numbers(&raw.width, "stem", Dimension::Width, 1..=MAX_CHANNELS)?;
        let activation = self.activations(&raw.activation, "stem", None)?;
        let fixed = |value| Choices { values: vec![value], slot: None };
        Ok(Stage {
            kind: StageKind::Conv,
            stride: self.stride(&raw.stride, "stem")?,
            depth: Choices { values: vec![1], slot: None },
            width: Some(width),
            blocks: vec![BlockChoices {
                kernel,
                expansion: fixed(1.0),
                se: Choices { values: vec![false], slot: None },
                activation,
            }],
        })
    }

    fn activations(
        &mut self,
        list: &Spanned<Vec<Activation>>,
        place: &str,
        optional: Option<(usize, usize)>,
    ) -> Checked<Choices<Activation>> {
        self.choices(list, place, Dimension::Activation, optional, |a| a.name().to_owned())
    }

    fn stage(&mut self, index: usize, raw: &Spanned<StageFile>) -> Checked<Stage> {
        let stage = raw.get_ref();
        let place = format!("stage {}", index + 1);
        self.check_stage(stage, raw.span(), &place)?;
        let width = match &stage.width {
            Some(list) => Some(self.numbers(list, &place, Dimension::Width, 1..=MAX_CHANNELS)?),
            None => None,
        };
        let depth = self.numbers(&stage.depth, &place, Dimension::Depth, 1..=64)?;
        let deepest = *depth.values.iter().max().expect("choices are never empty") as usize;
        let shallowest = *depth.values.iter().min().expect("choices are never empty") as usize;
        let mut blocks: Vec<BlockChoices> = Vec::with_capacity(deepest);
        for block in 0..deepest {
            let optional = (block >= shallowest).then_some((index, block));
            let choices = self.block(stage, &place, block, optional, blocks.first())?;
            blocks.push(choices);
        }
        Ok(Stage { kind: stage.block, stride: self.stride(&stage.stride, &place)?, depth, width, blocks })
    }

    fn check_stage(&self, stage: &StageFile, span: std::ops::Range<usize>, place: &str) -> Checked<()> {
        self.check_kernels(&stage.kernel, place)?;
        let is_ir = stage.block == StageKind::InvertedResidual;
        if is_ir != stage.expansion.is_some() {
            let message = if is_ir {
                format!("{place}: `expansion` is missing")
            } else {
                format!("{place}: only `ir` blocks have an expansion")
            };
            let at = stage.expansion.as_ref().map_or(span, Spanned::span);
            return Err(self.error(at, message));
        }
        if let (false, Some(se)) = (is_ir, &stage.se) {
            return Err(self.error(se.span(), format!("{place}: only `ir` blocks have squeeze-excite")));
        }
        if let Some(list) = &stage.expansion
            && let Some(bad) = list.get_ref().iter().find(|e| !(0.1..=32.0).contains(*e))
        {
            return Err(self
                .error(list.span(), format!("{place}: an expansion of {bad} is out of range"))
                .with_remedy("use 0.1 to 32, usually 1 to 6"));
        }
        for dimension in &stage.per_block {
            if matches!(dimension.get_ref(), Dimension::Width | Dimension::Depth | Dimension::Resolution) {
                let name = dimension.get_ref().name();
                return Err(self
                    .error(dimension.span(), format!("{place}: `{name}` can't vary from block to block"))
                    .with_remedy("per_block may list kernel, expansion, se and activation"));
            }
        }
        Ok(())
    }

    /// The choices of one block; decisions of the stage are those of `first`.
    fn block(
        &mut self,
        stage: &StageFile,
        stage_place: &str,
        block: usize,
        optional: Option<(usize, usize)>,
        first: Option<&BlockChoices>,
    ) -> Checked<BlockChoices> {
        let own = |dimension| stage.per_block.iter().any(|d| *d.get_ref() == dimension);
        let place = |dimension| {
            if own(dimension) {
                format!("{stage_place}, block {}", block + 1)
            } else {
                stage_place.to_owned()
            }
        };
        let optional = |dimension| if own(dimension) { optional } else { None };
        let kernel = match first.filter(|_| !own(Dimension::Kernel)) {
            Some(first) => first.kernel.clone(),
            None => self.choices(
                &stage.kernel,
                &place(Dimension::Kernel),
                Dimension::Kernel,
                optional(Dimension::Kernel),
                u32::to_string,
            )?,
        };
        let expansion = match (first.filter(|_| !own(Dimension::Expansion)), &stage.expansion) {
            (Some(first), _) => first.expansion.clone(),
            (None, Some(list)) => self.choices(
                list,
                &place(Dimension::Expansion),
                Dimension::Expansion,
                optional(Dimension::Expansion),
                f64::to_string,
            )?,
            (None, None) => Choices { values: vec![1.0], slot: None },
        };
        let se = match (first.filter(|_| !own(Dimension::Se)), &stage.se) {
            (Some(first), _) => first.se.clone(),
            (None, Some(list)) => {
                self.choices(list, &place(Dimension::Se), Dimension::Se, optional(Dimension::Se), |on| {
                    if *on { "on" } else { "off" }.to_owned()
                })?
            }
            (None, None) => Choices { values: vec![false], slot: None },
        };
        let activation = match first.filter(|_| !own(Dimension::Activation)) {
            Some(first) => first.activation.clone(),
            None => self.activations(
                &stage.activation,
                &place(Dimension::Activation),
                optional(Dimension::Activation),
            )?,
        };
        Ok(BlockChoices { kernel, expansion, se, activation })
    }

    fn head(&mut self, parts: &[Spanned<HeadFile>]) -> Checked<Vec<HeadPart>> {
        let mut head = Vec::new();
        let mut pooled = false;
        for (index, raw) in parts.iter().enumerate() {
            let part = raw.get_ref();
            let place = format!("head {}", index + 1);
            let in_order = match part.block {
                HeadKind::Conv | HeadKind::Pool => !pooled,
                HeadKind::Linear => pooled,
            };
            if !in_order {
                return Err(self
                    .error(raw.span(), format!("{place}: out of order"))
                    .with_remedy("the head is convolutions, then one pool, then linear layers"));
            }
            head.push(self.head_part(part, raw.span(), &place)?);
            pooled |= part.block == HeadKind::Pool;
        }
        if pooled {
            return Ok(head);
        }
        Err(self
            .source
            .error_at_end("the head has no `pool`")
            .with_remedy("add [[head]] with block = \"pool\""))
    }

    fn head_part(&mut self, part: &HeadFile, span: std::ops::Range<usize>, place: &str) -> Checked<HeadPart> {
        match (part.block, &part.width, &part.activation) {
            (HeadKind::Pool, None, None) => Ok(HeadPart::Pool),
            (HeadKind::Pool, _, _) => Err(self.error(span, format!("{place}: `pool` has no choices"))),
            (kind, Some(width), Some(activation)) => {
                let width = self.numbers(width, place, Dimension::Width, 1..=MAX_CHANNELS)?;
                let activation = self.activations(activation, place, None)?;
                Ok(match kind {
                    HeadKind::Conv => HeadPart::Conv { width, activation },
                    HeadKind::Pool | HeadKind::Linear => HeadPart::Linear { width, activation },
                })
            }
            _ => Err(self.error(span, format!("{place}: `width` and `activation` are needed"))),
        }
    }
}
