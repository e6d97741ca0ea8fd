//! Bringing images to one size: bilinear interpolation, with antialiasing when shrinking.

use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma, LumaA, Pixel, Rgb, Rgba};

use super::error::DataError;

/// Rows and columns of an image; both are in `1..=16384`.
///
/// Sizes are ordered by area, then by height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSize {
    height: u32,
    width: u32,
}

impl ImageSize {
    /// The largest side; it keeps the arithmetic on sizes far from overflow.
    pub const MAX_SIDE: usize = 16_384;

    /// A size of `height` rows and `width` columns.
    ///
    /// # Errors
    /// When a side is zero or above [`Self::MAX_SIDE`].
    pub fn new(height: usize, width: usize) -> Result<Self, DataError> {
        let side = |side: usize| u32::try_from(side).ok().filter(|_| (1..=Self::MAX_SIDE).contains(&side));
        match (side(height), side(width)) {
            (Some(height), Some(width)) => Ok(Self { height, width }),
            _ => Err(DataError::ImageSize { height, width, max: Self::MAX_SIDE }),
        }
    }

    /// Rows.
    #[must_use]
    pub fn height(self) -> usize {
        self.height as usize
    }

    /// Columns.
    #[must_use]
    pub fn width(self) -> usize {
        self.width as usize
    }

    /// Rows times columns.
    #[must_use]
    pub fn pixels(self) -> usize {
        self.height() * self.width()
    }
}

impl Ord for ImageSize {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.pixels(), self.height).cmp(&(other.pixels(), other.height))
    }
}

impl PartialOrd for ImageSize {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Resizes one image of bytes, `[h, w, c]`, into `output`, whose length must suit `to`.
///
/// # Errors
/// A text that says why, when the lengths do not suit or the number of channels is not 1 to 4.
pub(super) fn resize_into(
    input: &[u8],
    from: ImageSize,
    output: &mut [u8],
    to: ImageSize,
    channels: usize,
) -> Result<(), String> {
    if from == to {
        output.copy_from_slice(input);
        return Ok(());
    }
    // Channels are data here: none of them is an alpha channel to multiply by.
    match channels {
        1 => resize_as::<Luma<u8>>(input, from, output, to),
        2 => resize_as::<LumaA<u8>>(input, from, output, to),
        3 => resize_as::<Rgb<u8>>(input, from, output, to),
        4 => resize_as::<Rgba<u8>>(input, from, output, to),
        _ => Err(format!("cannot resize images of {channels} channels")),
    }
}

fn resize_as<P: Pixel<Subpixel = u8> + 'static>(
    input: &[u8],
    from: ImageSize,
    output: &mut [u8],
    to: ImageSize,
) -> Result<(), String> {
    let source: ImageBuffer<P, &[u8]> =
        ImageBuffer::from_raw(from.width, from.height, input).ok_or("the image is shorter than its size")?;
    let resized = resize(&source, to.width, to.height, FilterType::Triangle).into_raw();
    if resized.len() != output.len() {
        return Err("the target is not of the size asked for".to_owned());
    }
    output.copy_from_slice(&resized);
    Ok(())
}
