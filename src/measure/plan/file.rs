//! A plan as a file that people can read: one block a line.

use serde::Deserialize;
use toml::Spanned;

use super::{Covered, Piece, Plan};
use crate::diagnostic::FileError;
use crate::spec::Padding;

/// The file as it stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    padding: Padding,
    ratio: Spanned<f64>,
    units_wanted: usize,
    units_chosen: usize,
    images: Vec<[u32; 2]>,
    blocks: Spanned<Vec<Spanned<String>>>,
    covers: Vec<Covered>,
}

impl Plan {
    /// Reads the text of a plan; `file` names it in errors.
    ///
    /// # Errors
    /// Unknown keys, wrong types, and blocks that are none, each with its place in the file.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, FileError> {
        const REMEDY: &str = "write the plan again with `mbn-latency plan`";
        let raw: Raw = toml::from_str(text)
            .map_err(|error| FileError::from_toml(file, text, &error).with_remedy(REMEDY))?;
        let mistake = |span, message: String| FileError::at(file, text, span, message).with_remedy(REMEDY);
        if !(raw.ratio.get_ref().is_finite() && *raw.ratio.get_ref() >= 1.0) {
            return Err(mistake(raw.ratio.span(), "a ratio is a number from 1".to_owned()));
        }
        if raw.blocks.get_ref().is_empty() {
            return Err(mistake(raw.blocks.span(), "the plan has no blocks".to_owned()));
        }
        let piece = |text: &Spanned<String>| {
            text.get_ref().parse::<Piece>().map_err(|error| mistake(text.span(), error.to_string()))
        };
        Ok(Self {
            covers: raw.covers,
            padding: raw.padding,
            images: raw.images.into_iter().map(|[side, channels]| (side, channels)).collect(),
            ratio: raw.ratio.into_inner(),
            wanted: raw.units_wanted,
            chosen: raw.units_chosen,
            pieces: raw.blocks.get_ref().iter().map(piece).collect::<Result<_, _>>()?,
        })
    }

    /// The text of the plan.
    pub fn to_toml(&self) -> String {
        let images: Vec<String> = self.images.iter().map(|(side, c)| format!("[{side}, {c}]")).collect();
        let mut text = format!(
            "# What `mbn-latency measure` measures: blocks, each with the map that enters it.\n\
             padding = \"{}\"\nratio = {:?}\nunits_wanted = {}\nunits_chosen = {}\nimages = [{}]\nblocks = [\n",
            self.padding.name(),
            self.ratio,
            self.wanted,
            self.chosen,
            images.join(", "),
        );
        for piece in &self.pieces {
            text += &format!("  \"{piece}\",\n");
        }
        text += "]\n";
        for Covered { name, digest } in &self.covers {
            text += &format!(
                "\n[[covers]]\nname = {}\ndigest = \"{digest}\"\n",
                toml::Value::from(name.as_str())
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::plan::Wanted;
    use crate::{space, spec};

    fn plan() -> Plan {
        let mut wanted = Wanted::default();
        wanted.space(&space::load("mobilenet_v3_small_images").unwrap());
        wanted.network(&spec::load("mobilenet_v3_28").unwrap());
        wanted.plan(1.5)
    }

    #[test]
    fn written_and_read() {
        let plan = plan();
        assert_eq!(Plan::from_toml("plan.toml", &plan.to_toml()).unwrap(), plan);
    }

    #[test]
    fn mistakes_have_their_place() {
        let text = plan().to_toml();
        let refused =
            |from: &str, to: &str| Plan::from_toml("plan.toml", &text.replacen(from, to, 1)).unwrap_err();
        let block = refused("blocks = [\n  \"", "blocks = [\n  \"x");
        assert!(block.to_string().starts_with("plan.toml:8:3: `x"), "{block}");
        assert!(refused("ratio = 1.5", "ratio = 0.5").to_string().contains("plan.toml:3:9: a ratio"));
        assert!(refused("ratio", "ration").to_string().contains("unknown field `ration`"));
    }
}
