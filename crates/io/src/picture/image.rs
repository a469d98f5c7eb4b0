//! PNG files.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use ndarray::Array2;
use png::{BitDepth, ColorType, Decoder, Encoder, Transformations};

use crate::{Error, Result, write_atomically};

/// Largest number of pixels that is read.
const MAX_PIXELS: u64 = 1 << 24;
/// Deflate cannot compress better than 1032 to 1.
const MAX_COMPRESSION: u64 = 1040;

/// Writes rows of RGB from the top.
pub(crate) fn write_png(path: &Path, width: u32, height: u32, rgb: &[u8]) -> Result<()> {
    write_atomically(path, |file| {
        encode(file, width, height, rgb).map_err(Error::io("write", path))
    })
}

fn encode(file: &mut File, width: u32, height: u32, rgb: &[u8]) -> io::Result<()> {
    let mut buffer = BufWriter::new(file);
    let mut encoder = Encoder::new(&mut buffer, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(io::Error::from)?;
    writer.write_image_data(rgb).map_err(io::Error::from)?;
    writer.finish().map_err(io::Error::from)?;
    buffer.flush()
}

/// Reads a PNG picture as numbers from 0 (black) to 1 (white), with axes (x, y): the first index
/// grows to the right, the second upwards, so that the top row of the picture has the largest y.
///
/// Colours become luminance, `0.2126 R + 0.7152 G + 0.0722 B` of the stored values (the weights
/// of ITU-R BT.709, without decoding their gamma). What is transparent counts as black.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Foreign`] when it is not PNG,
/// [`Error::TooLarge`] above 16 million pixels or for a size that its length cannot hold,
/// [`Error::Png`] when it is truncated or damaged.
pub fn read_png(path: impl AsRef<Path>) -> Result<Array2<f64>> {
    let path = path.as_ref();
    let file = File::open(path).map_err(Error::io("read", path))?;
    let bytes = file.metadata().map_err(Error::io("read", path))?.len();
    let damaged = |error: png::DecodingError| match error {
        png::DecodingError::IoError(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
            Error::io("read", path)(source)
        }
        source => Error::Png {
            path: path.to_path_buf(),
            source: Box::new(source),
        },
    };
    if !is_png(path)? {
        return Err(Error::Foreign {
            path: path.to_path_buf(),
            expected: "a PNG picture",
        });
    }
    let mut decoder = Decoder::new(BufReader::new(file));
    // Palettes and low bit depths become plain numbers of 8 bits.
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let info = reader.info();
    let (width, height) = (info.width as usize, info.height as usize);
    let pixels = u64::from(info.width) * u64::from(info.height);
    // Fewer bits than a pixel has: enough to tell a credible size from an impossible one.
    let credible = bytes.saturating_mul(8 * MAX_COMPRESSION / info.bits_per_pixel() as u64);
    let allowed = MAX_PIXELS.min(credible);
    if pixels > allowed {
        return Err(Error::TooLarge {
            path: path.to_path_buf(),
            part: format!("a picture of {width} x {height} pixels"),
            claimed: pixels,
            allowed,
        });
    }
    let malformed = |reason| Error::Malformed {
        path: path.to_path_buf(),
        part: "picture".to_owned(),
        reason,
    };
    let size = reader
        .output_buffer_size()
        .ok_or_else(|| malformed("it is too large"))?;
    let mut buffer = vec![0; size];
    let output = reader.next_frame(&mut buffer).map_err(damaged)?;
    reader.finish().map_err(damaged)?;
    let samples: Vec<f64> = match output.bit_depth {
        BitDepth::Sixteen => {
            let pairs = buffer.chunks_exact(2);
            pairs
                .map(|b| f64::from(u16::from_be_bytes([b[0], b[1]])) / 65_535.0)
                .collect()
        }
        _ => buffer.iter().map(|&b| f64::from(b) / 255.0).collect(),
    };
    let channels = output.color_type.samples();
    if samples.len() < channels * width * height {
        return Err(malformed("pixels are missing"));
    }
    Ok(Array2::from_shape_fn((width, height), |(x, y)| {
        let first = ((height - 1 - y) * width + x) * channels;
        match samples[first..first + channels] {
            [grey] => grey,
            [grey, alpha] => grey * alpha,
            [r, g, b] => luminance(r, g, b),
            [r, g, b, alpha] => luminance(r, g, b) * alpha,
            _ => 0.0,
        }
    }))
}

fn luminance(r: f64, g: f64, b: f64) -> f64 {
    // The weights sum to 1 only up to rounding.
    (0.2126 * r + 0.7152 * g + 0.0722 * b).min(1.0)
}

fn is_png(path: &Path) -> Result<bool> {
    let mut magic = Vec::new();
    let file = File::open(path).map_err(Error::io("read", path))?;
    io::Read::read_to_end(&mut io::Read::take(file, 8), &mut magic)
        .map_err(Error::io("read", path))?;
    Ok(magic == *b"\x89PNG\r\n\x1a\n")
}
