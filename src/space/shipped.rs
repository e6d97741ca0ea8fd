//! The search spaces that ship with the program.

use super::SearchSpace;
use crate::text_file::{ReadError, Shipped, read_text};

/// The files of `search_spaces/`.
pub const SEARCH_SPACES: &Shipped = &[
    ("mobilenet_v3.toml", include_str!("../../search_spaces/mobilenet_v3.toml")),
    ("mobilenet_v3_small_images.toml", include_str!("../../search_spaces/mobilenet_v3_small_images.toml")),
];

/// The space in a file, or a shipped space by name.
///
/// # Errors
/// If there is no such file or name, or the file is wrong.
pub fn load(name: &str) -> Result<SearchSpace, ReadError> {
    let (file, text) = read_text(name, "search space", SEARCH_SPACES)?;
    Ok(SearchSpace::from_toml(&file, &text)?)
}
