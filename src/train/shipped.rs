//! The recipes that ship with the program.

use super::Recipe;
use crate::text_file::{ReadError, Shipped, read_text};

/// The files of `recipes/`.
pub const RECIPES: &Shipped = &[
    ("small_images.toml", include_str!("../../recipes/small_images.toml")),
    ("small_images_distill.toml", include_str!("../../recipes/small_images_distill.toml")),
    ("search_candidate.toml", include_str!("../../recipes/search_candidate.toml")),
    ("search_final.toml", include_str!("../../recipes/search_final.toml")),
    ("mobilenet_v3.toml", include_str!("../../recipes/mobilenet_v3.toml")),
];

/// The recipe in a file, or a shipped recipe by name.
///
/// # Errors
/// If there is no such file or name, or the file is wrong.
pub fn load(name: &str) -> Result<Recipe, ReadError> {
    let (file, text) = read_text(name, "recipe", RECIPES)?;
    Ok(Recipe::from_toml(&file, &text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_recipe_loads() {
        for (name, _) in RECIPES {
            let recipe = load(name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(recipe.distill.is_some(), name.contains("distill"), "{name}");
        }
    }
}
