//! Values of arguments that several commands take.

/// A part of a whole, both ends excluded.
pub(super) fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("a share is a number above 0 and below 1, such as 0.1".to_owned()),
    }
}
