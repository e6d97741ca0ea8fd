//! Picture files: PNG or JPEG, told by their contents and not by their names.
//!
//! Opening one reads its header and its last bytes only; pixels are decoded whenever they are needed. A file whose
//! length or shape is no longer what it was when it was opened is an error: an epoch must not see half of an old data
//! set and half of a new one.

use std::fs::File;
use std::io::{BufReader, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader};
use sha2::{Digest, Sha256};

use super::error::DataError;
use super::resize::ImageSize;

/// The last bytes of a file, in which the end of the picture is looked for: cameras append a few hundred bytes of their
/// own at most.
const TAIL: u64 = 1024;

/// A picture file as it was when it was opened.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    path: PathBuf,
    bytes: u64,
    /// After its orientation was applied.
    size: ImageSize,
    has_colour: bool,
}

impl Picture {
    /// Reads the header. A file that seems to be cut short is decoded at once, so that a download that broke off shows
    /// before a training begins.
    pub(super) fn open(path: PathBuf) -> Result<Self, DataError> {
        let io = |source| DataError::io(&path, source);
        let mut file = BufReader::new(File::open(&path).map_err(io)?);
        let bytes = file.get_ref().metadata().map_err(io)?.len();
        file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL))).map_err(io)?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail).map_err(io)?;
        file.rewind().map_err(io)?;
        let (decoder, orientation) = decoder(&path, file)?;
        let (size, has_colour) =
            (oriented_size(&path, &decoder, orientation)?, decoder.color_type().has_color());
        let picture = Self { path, bytes, size, has_colour };
        if !holds_an_end(&tail) {
            picture.decode(if has_colour { 3 } else { 1 })?;
        }
        Ok(picture)
    }

    pub(super) fn size(&self) -> ImageSize {
        self.size
    }

    pub(super) fn has_colour(&self) -> bool {
        self.has_colour
    }

    /// The pixels, `[h, w, c]` with 1 or 3 channels, at the picture's own size.
    pub(super) fn decode(&self, channels: usize) -> Result<Vec<u8>, DataError> {
        let (decoder, orientation) = decoder(&self.path, Cursor::new(self.read()?))?;
        if oriented_size(&self.path, &decoder, orientation)? != self.size {
            return Err(self.changed("another size".to_owned()));
        }
        let mut image =
            DynamicImage::from_decoder(decoder).map_err(|error| unreadable(&self.path, &error))?;
        image.apply_orientation(orientation);
        Ok(if channels == 1 { image.into_luma8().into_raw() } else { image.into_rgb8().into_raw() })
    }

    /// SHA-256 of the file.
    pub(super) fn digest(&self) -> Result<[u8; 32], DataError> {
        Ok(Sha256::digest(self.read()?).into())
    }

    fn read(&self) -> Result<Vec<u8>, DataError> {
        let bytes = std::fs::read(&self.path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => self.changed("no longer there".to_owned()),
            _ => DataError::io(&self.path, source),
        })?;
        match bytes.len() as u64 {
            found if found == self.bytes => Ok(bytes),
            found => Err(self.changed(format!("{found} bytes long instead of {}", self.bytes))),
        }
    }

    fn changed(&self, found: String) -> DataError {
        DataError::Changed { path: self.path.clone(), found }
    }
}

/// Whether a PNG or JPEG file ends among these bytes: with an IEND chunk or an EOI marker.
fn holds_an_end(tail: &[u8]) -> bool {
    let holds = |end: &[u8]| tail.windows(end.len()).any(|bytes| bytes == end);
    holds(b"IEND\xae\x42\x60\x82") || holds(b"\xff\xd9")
}

/// A decoder that has read the header.
fn decoder<R: std::io::BufRead + Seek + 'static>(
    path: &Path,
    contents: R,
) -> Result<(impl ImageDecoder + use<R>, Orientation), DataError> {
    let reader =
        ImageReader::new(contents).with_guessed_format().map_err(|source| DataError::io(path, source))?;
    let mut decoder = reader.into_decoder().map_err(|error| unreadable(path, &error))?;
    let orientation = decoder.orientation().map_err(|error| unreadable(path, &error))?;
    Ok((decoder, orientation))
}

fn oriented_size(
    path: &Path,
    decoder: &impl ImageDecoder,
    orientation: Orientation,
) -> Result<ImageSize, DataError> {
    let (width, height) = decoder.dimensions();
    let (height, width) = if swaps_sides(orientation) { (width, height) } else { (height, width) };
    ImageSize::new(height as usize, width as usize).map_err(|error| unreadable(path, &error))
}

fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

fn unreadable(path: &Path, reason: &impl ToString) -> DataError {
    DataError::UnreadableImage { path: path.to_owned(), reason: reason.to_string() }
}
