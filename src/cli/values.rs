//! Values of arguments that several commands take.

use std::path::Path;

use miette::{IntoDiagnostic, Report};

use crate::data::{self, DataSource};

/// A part of a whole, both ends excluded.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("a share is a number above 0 and below 1, such as 0.1".to_owned()),
    }
}

/// The images in a folder as they are, or the embedded ones.
pub(super) fn open_data(folder: Option<&Path>) -> Result<DataSource, Report> {
    match folder {
        Some(folder) => data::open(folder).into_diagnostic(),
        None => data::embedded().into_diagnostic(),
    }
}
