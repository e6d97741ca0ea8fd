//! The zip archives that `torch.save` writes, as slices of the file.
//!
//! The entries of a state dict are stored without compression, so that each is a piece of the file and nothing is
//! allocated but the list of names. Names are keys: nothing is ever written to a path. Archives are `zip64` where `torch.save` wants
//! it; sizes and offsets are those of the central directory, as in PyTorch.

use std::collections::BTreeMap;

use super::bytes::Bytes;

const END_OF_DIRECTORY: u32 = 0x0605_4b50;
const ZIP64_END_OF_DIRECTORY: u32 = 0x0606_4b50;
const ZIP64_LOCATOR: u32 = 0x0706_4b50;
const DIRECTORY_ENTRY: u32 = 0x0201_4b50;
const LOCAL_HEADER: u32 = 0x0403_4b50;

/// Bytes of the records, their variable parts left out.
const END_BYTES: usize = 22;
const ZIP64_LOCATOR_BYTES: usize = 20;
/// The comment behind the last record.
const LONGEST_COMMENT: usize = 65_535;
/// A 32-bit field whose value stands in the zip64 part.
const IN_ZIP64: u64 = 0xffff_ffff;
const ZIP64_FIELD: u16 = 1;

/// The entries of an archive by name.
pub(super) struct Archive<'a> {
    /// `None`: compressed or encrypted, as the code in TorchScript's archives is.
    entries: BTreeMap<&'a str, Option<&'a [u8]>>,
}

impl<'a> Archive<'a> {
    /// Whether a file begins as an archive.
    pub(super) fn is_one(file: &[u8]) -> bool {
        file.starts_with(&LOCAL_HEADER.to_le_bytes())
    }

    /// Reads the directory of an archive.
    pub(super) fn open(file: &'a [u8]) -> Result<Self, String> {
        let (start, count) =
            directory(file).ok_or("the directory at its end is missing: it is cut off, or no zip archive")?;
        let mut bytes = Bytes::from(file, start).ok_or("its directory lies outside of it")?;
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let entry = DirectoryEntry::read(&mut bytes).ok_or("its directory is cut off")?;
            let data = entry.data(file)?;
            if entries.insert(entry.name, data).is_some() {
                return Err(format!("`{}` is there twice", entry.name));
            }
        }
        Ok(Self { entries })
    }

    /// The content of an entry, if it is there and not compressed.
    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.entries.get(name).copied().flatten()
    }

    /// The names of all entries.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.entries.keys().copied()
    }
}

/// Where the directory starts, and how many entries it has.
fn directory(file: &[u8]) -> Option<(u64, u64)> {
    let last = file.len().checked_sub(END_BYTES)?;
    let mut places = (last.saturating_sub(LONGEST_COMMENT)..=last).rev();
    let end = places.find(|&at| {
        let comment = file.len() - at - END_BYTES;
        let mut bytes = Bytes::new(&file[at..]);
        bytes.u32() == Some(END_OF_DIRECTORY)
            && bytes.skip(END_BYTES - 6).and_then(|()| bytes.u16()).map(usize::from) == Some(comment)
    })?;
    let mut bytes = Bytes::new(&file[end..]);
    bytes.skip(10)?;
    let (count, _bytes, start) = (bytes.u16()?, bytes.u32()?, bytes.u32()?);
    zip64_directory(file, end).or(Some((u64::from(start), u64::from(count))))
}

/// The same from the zip64 record, if a locator of one stands before `end`.
fn zip64_directory(file: &[u8], end: usize) -> Option<(u64, u64)> {
    let mut locator = Bytes::new(&file[end.checked_sub(ZIP64_LOCATOR_BYTES)?..end]);
    if locator.u32()? != ZIP64_LOCATOR {
        return None;
    }
    locator.skip(4)?;
    let mut record = Bytes::from(file, locator.u64()?)?;
    if record.u32()? != ZIP64_END_OF_DIRECTORY {
        return None;
    }
    record.skip(28)?;
    let (count, _bytes, start) = (record.u64()?, record.u64()?, record.u64()?);
    Some((start, count))
}

struct DirectoryEntry<'a> {
    name: &'a str,
    is_encrypted: bool,
    compression: u16,
    size: u64,
    stored: u64,
    header: u64,
}

impl<'a> DirectoryEntry<'a> {
    fn read(bytes: &mut Bytes<'a>) -> Option<Self> {
        if bytes.u32()? != DIRECTORY_ENTRY {
            return None;
        }
        bytes.skip(4)?;
        let (flags, compression) = (bytes.u16()?, bytes.u16()?);
        bytes.skip(8)?;
        let (mut stored, mut size) = (u64::from(bytes.u32()?), u64::from(bytes.u32()?));
        let (name, extra, comment) = (bytes.u16()?, bytes.u16()?, bytes.u16()?);
        bytes.skip(8)?;
        let mut header = u64::from(bytes.u32()?);
        let name = std::str::from_utf8(bytes.take(usize::from(name))?).ok()?;
        let mut zip64 = zip64_field(bytes.take(usize::from(extra))?);
        bytes.skip(usize::from(comment))?;
        for value in [&mut size, &mut stored, &mut header] {
            if *value == IN_ZIP64 {
                *value = zip64.as_mut()?.u64()?;
            }
        }
        Some(Self { name, is_encrypted: flags & 1 != 0, compression, size, stored, header })
    }

    fn data(&self, file: &'a [u8]) -> Result<Option<&'a [u8]>, String> {
        if self.is_encrypted || self.compression != 0 || self.size != self.stored {
            return Ok(None);
        }
        let data = self.stored_data(file);
        data.map(Some).ok_or_else(|| format!("`{}` lies outside of it: it is cut off", self.name))
    }

    fn stored_data(&self, file: &'a [u8]) -> Option<&'a [u8]> {
        let mut bytes = Bytes::from(file, self.header)?;
        if bytes.u32()? != LOCAL_HEADER {
            return None;
        }
        bytes.skip(22)?;
        let (name, extra) = (bytes.u16()?, bytes.u16()?);
        bytes.skip(usize::from(name) + usize::from(extra))?;
        bytes.take(usize::try_from(self.size).ok()?)
    }
}

/// The zip64 part of an entry's extra fields.
fn zip64_field(extra: &[u8]) -> Option<Bytes<'_>> {
    let mut fields = Bytes::new(extra);
    loop {
        let (kind, length) = (fields.u16()?, fields.u16()?);
        let field = fields.take(usize::from(length))?;
        if kind == ZIP64_FIELD {
            return Some(Bytes::new(field));
        }
    }
}
