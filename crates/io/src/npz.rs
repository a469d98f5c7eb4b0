//! Reads npz: a zip archive of npy files (NumPy enhancement proposal 1).
//!
//! Only what NumPy writes is understood: entries stored or deflated, sizes in the central
//! directory. Every size that the file claims is compared with the bytes that are there before
//! memory is taken for it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use crate::{Dataset, Error, Result, npy};

/// Deflate cannot compress better than 1032 to 1.
const MAX_COMPRESSION: u64 = 1040;
/// Bytes of the end record without its comment.
const END_BYTES: u64 = 22;

/// One file in the archive.
struct Entry {
    name: String,
    deflated: bool,
    crc: u32,
    compressed: u64,
    size: u64,
    offset: u64,
}

/// Reads all arrays of an npz file.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, Dataset>> {
    let mut archive = Archive::open(path)?;
    let mut arrays = BTreeMap::new();
    for entry in archive.directory()? {
        let Some(name) = entry.name.strip_suffix(".npy") else {
            continue;
        };
        let bytes = archive.extract(&entry)?;
        let parsed = npy::parse(&bytes).map_err(|reason| archive.malformed(&entry.name, reason))?;
        if let Some(dataset) = parsed {
            arrays.insert(name.to_owned(), dataset);
        }
    }
    Ok(arrays)
}

struct Archive<'a> {
    path: &'a Path,
    file: File,
    len: u64,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        let len = file.metadata().map_err(Error::io("read", path))?.len();
        Ok(Self { path, file, len })
    }

    fn malformed(&self, part: &str, reason: &'static str) -> Error {
        Error::Malformed {
            path: self.path.to_path_buf(),
            part: part.to_owned(),
            reason,
        }
    }

    /// Reads bytes of the file; a range beyond its end means that the file is truncated.
    fn bytes(&mut self, offset: u64, count: u64) -> Result<Vec<u8>> {
        match offset.checked_add(count) {
            Some(end) if end <= self.len => {}
            end => {
                return Err(Error::Truncated {
                    path: self.path.to_path_buf(),
                    found: self.len,
                    expected: end.unwrap_or(u64::MAX),
                });
            }
        }
        let mut bytes = Vec::new();
        let mut seek = || {
            self.file.seek(SeekFrom::Start(offset))?;
            (&self.file).take(count).read_to_end(&mut bytes)
        };
        seek().map_err(Error::io("read", self.path))?;
        Ok(bytes)
    }

    fn directory(&mut self) -> Result<Vec<Entry>> {
        // The end record is followed by a comment of up to 65535 bytes.
        let tail_len = self.len.min(END_BYTES + 65_535);
        let tail = self.bytes(self.len - tail_len, tail_len)?;
        let end = tail
            .windows(END_BYTES as usize)
            .rposition(|window| window.starts_with(b"PK\x05\x06"))
            .ok_or_else(|| self.malformed("zip archive", "it has no end, so it is truncated"))?;
        let end_offset = self.len - tail_len + end as u64;
        let mut end = Cursor(&tail[end + 10..]);
        let short = || self.malformed("zip archive", "its end is cut off");
        let read = (end.u16(), end.u32(), end.u32());
        let (Some(count), Some(size), Some(offset)) = read else {
            return Err(short());
        };
        let (mut count, mut size, mut offset) =
            (u64::from(count), u64::from(size), u64::from(offset));
        // Saturated numbers stand in a zip64 record, which a locator before the end points to.
        if count == 0xffff || size == 0xffff_ffff || offset == 0xffff_ffff {
            let locator = self.bytes(end_offset.saturating_sub(20), 20)?;
            let at = Cursor(&locator[8..]).u64();
            if !locator.starts_with(b"PK\x06\x07") {
                return Err(self.malformed("zip archive", "its zip64 record is missing"));
            }
            let record = self.bytes(at.unwrap_or(u64::MAX), 56)?;
            let mut record = Cursor(&record[32..]);
            if let (Some(n), Some(s), Some(o)) = (record.u64(), record.u64(), record.u64()) {
                (count, size, offset) = (n, s, o);
            }
        }
        let bytes = self.bytes(offset, size)?;
        let mut cursor = Cursor(&bytes);
        let mut entries = Vec::new();
        for _ in 0..count {
            let entry = cursor
                .entry()
                .ok_or_else(|| self.malformed("zip archive", "its directory is damaged"))?;
            entries.push(entry);
        }
        Ok(entries)
    }

    fn extract(&mut self, entry: &Entry) -> Result<Vec<u8>> {
        let allowed = match entry.deflated {
            true => entry.compressed.saturating_mul(MAX_COMPRESSION),
            false => entry.compressed,
        };
        if entry.size > allowed {
            return Err(Error::TooLarge {
                path: self.path.to_path_buf(),
                part: entry.name.clone(),
                claimed: entry.size,
                allowed,
            });
        }
        let local = self.bytes(entry.offset, 30)?;
        let mut lengths = Cursor(&local[26..]);
        let lengths = (
            local.starts_with(b"PK\x03\x04"),
            lengths.u16(),
            lengths.u16(),
        );
        let (true, Some(name), Some(extra)) = lengths else {
            return Err(self.malformed(&entry.name, "the directory does not point to it"));
        };
        let data = entry.offset + 30 + u64::from(name) + u64::from(extra);
        let stored = self.bytes(data, entry.compressed)?;
        let bytes = if entry.deflated {
            let mut bytes = Vec::new();
            // One more byte than claimed shows that there are too many.
            DeflateDecoder::new(stored.as_slice())
                .take(entry.size + 1)
                .read_to_end(&mut bytes)
                .map_err(|_| self.malformed(&entry.name, "its compressed data is damaged"))?;
            bytes
        } else {
            stored
        };
        let mut crc = Crc::new();
        crc.update(&bytes);
        if bytes.len() as u64 != entry.size || crc.sum() != entry.crc {
            return Err(self.malformed(&entry.name, "its data is damaged (wrong checksum)"));
        }
        Ok(bytes)
    }
}

/// Little-endian numbers from the front of a slice.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    /// One entry of the central directory.
    fn entry(&mut self) -> Option<Entry> {
        if self.take(4)? != b"PK\x01\x02" {
            return None;
        }
        self.take(4)?;
        let flags = self.u16()?;
        let deflated = match self.u16()? {
            0 => false,
            8 => true,
            _ => return None,
        };
        if flags & 1 != 0 {
            return None; // encrypted
        }
        self.take(4)?;
        let crc = self.u32()?;
        let (mut compressed, mut size) = (u64::from(self.u32()?), u64::from(self.u32()?));
        let (name, extra, comment) = (self.u16()?, self.u16()?, self.u16()?);
        self.take(8)?;
        let mut offset = u64::from(self.u32()?);
        let name = String::from_utf8_lossy(self.take(name.into())?).into_owned();
        let mut extra = Cursor(self.take(extra.into())?);
        self.take(comment.into())?;
        // Saturated numbers stand in the zip64 field, in this order.
        while let (Some(tag), Some(len)) = (extra.u16(), extra.u16()) {
            let mut field = Cursor(extra.take(len.into())?);
            if tag == 1 {
                for number in [&mut size, &mut compressed, &mut offset] {
                    if *number == 0xffff_ffff {
                        *number = field.u64()?;
                    }
                }
            }
        }
        Some(Entry {
            name,
            deflated,
            crc,
            compressed,
            size,
            offset,
        })
    }
}
