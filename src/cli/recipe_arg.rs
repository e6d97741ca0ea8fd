//! Recipes on the command line.

use miette::{Report, miette};

use crate::text_file::{ReadError, read_text};
use crate::train::{RECIPES, Recipe};

/// A recipe file or shipped recipe with other epochs where they are given, and its text.
pub(super) fn read_recipe(name: &str, epochs: Option<u32>) -> Result<(Recipe, String), Report> {
    let (file, text) = read_text(name, "recipe", RECIPES)?;
    let recipe = Recipe::from_toml(&file, &text).map_err(ReadError::from)?;
    Ok((Recipe { epochs: epochs.unwrap_or(recipe.epochs), ..recipe }, text))
}

/// The same of a command that has no teacher for its recipes.
pub(super) fn read_recipe_without_teacher(name: &str, epochs: Option<u32>) -> Result<Recipe, Report> {
    let (recipe, _) = read_recipe(name, epochs)?;
    match recipe.distill {
        None => Ok(recipe),
        Some(_) => Err(miette!(
            help = "take `distill` out of a copy of the recipe, or train its result with mbn-train, which takes a --teacher",
            "{name} learns from a teacher, and a search has none"
        )),
    }
}
