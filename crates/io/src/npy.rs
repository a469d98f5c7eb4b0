//! Parses npy, NumPy's format for one array (NumPy enhancement proposal 1).

use ndarray::{ArrayD, IxDyn, ShapeBuilder};

use adastra_core::Real;

use crate::Dataset;
use crate::hdf5::{integer, pair};

/// The array in the bytes of an npy file; none if it does not hold numbers.
///
/// # Errors
/// What is wrong with the bytes, in words.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Dataset>, &'static str> {
    let rest = bytes
        .strip_prefix(b"\x93NUMPY")
        .ok_or("is not an npy file")?;
    let (header_len, rest) = match rest {
        [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => return Err("has an unknown npy version"),
    };
    let (header, data) = rest
        .split_at_checked(header_len)
        .ok_or("has a cut-off header")?;
    let header = std::str::from_utf8(header).map_err(|_| "has a damaged header")?;
    let header = Header::parse(header).ok_or("has a damaged header")?;
    let Some(number) = header.number else {
        return Ok(None);
    };
    let count = header
        .shape
        .iter()
        .try_fold(1usize, |n, &length| n.checked_mul(length));
    let expected = count.and_then(|n| n.checked_mul(number.size()));
    if expected != Some(data.len()) {
        return Err("has another size than its header says");
    }
    let mut data = data.to_vec();
    if header.big_endian {
        data.chunks_exact_mut(number.word())
            .for_each(<[u8]>::reverse);
    }
    decode(&header, number, &data)
        .map(Some)
        .ok_or("has a shape that does not fit")
}

fn decode(header: &Header, number: Number, data: &[u8]) -> Option<Dataset> {
    Some(match number {
        Number::Real(4) => Dataset::F32(header.array(data, 4, f32::get)?),
        Number::Real(_) => Dataset::F64(header.array(data, 8, f64::get)?),
        Number::Complex(8) => Dataset::Complex32(header.array(data, 8, pair::<f32>)?),
        Number::Complex(_) => Dataset::Complex64(header.array(data, 16, pair::<f64>)?),
        Number::Integer { size, signed } => {
            Dataset::I64(header.array(data, size, |raw| integer(raw, signed))?)
        }
    })
}

/// A number's class and its bytes.
#[derive(Clone, Copy)]
enum Number {
    Real(usize),
    Complex(usize),
    Integer { size: usize, signed: bool },
}

impl Number {
    fn size(self) -> usize {
        match self {
            Self::Real(size) | Self::Complex(size) | Self::Integer { size, .. } => size,
        }
    }

    /// Bytes that a byte order applies to.
    fn word(self) -> usize {
        match self {
            Self::Complex(size) => size / 2,
            other => other.size(),
        }
    }
}

struct Header {
    number: Option<Number>,
    big_endian: bool,
    column_major: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Parses a Python dictionary such as
    /// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`.
    fn parse(text: &str) -> Option<Self> {
        let shape = value(text, "shape")?.strip_prefix('(')?;
        let shape = shape[..shape.find(')')?].split(',').map(str::trim);
        let shape = shape
            .filter(|n| !n.is_empty())
            .map(|n| n.parse().ok())
            .collect::<Option<_>>();
        let order = value(text, "fortran_order")?;
        let column_major = order.starts_with("True");
        if !column_major && !order.starts_with("False") {
            return None;
        }
        let mut header = Self {
            number: None,
            big_endian: false,
            column_major,
            shape: shape?,
        };
        // A structured type is a list; it holds no plain numbers.
        let Some(descr) = value(text, "descr")?.strip_prefix('\'') else {
            return Some(header);
        };
        let descr = &descr[..descr.find('\'')?];
        let (order, class) = descr.split_at_checked(1)?;
        header.big_endian = order == ">";
        header.number = match class {
            "f4" => Some(Number::Real(4)),
            "f8" => Some(Number::Real(8)),
            "c8" => Some(Number::Complex(8)),
            "c16" => Some(Number::Complex(16)),
            "b1" => Some(Number::Integer {
                size: 1,
                signed: false,
            }),
            "i1" | "i2" | "i4" | "i8" | "u1" | "u2" | "u4" | "u8" => {
                let size = class[1..].parse().ok()?;
                Some(Number::Integer {
                    size,
                    signed: class.starts_with('i'),
                })
            }
            _ => None,
        };
        Some(header)
    }

    fn array<A>(&self, data: &[u8], size: usize, get: impl Fn(&[u8]) -> A) -> Option<ArrayD<A>>
    where
        A: Clone,
    {
        let shape = IxDyn(&self.shape).set_f(self.column_major);
        let array = ArrayD::from_shape_vec(shape, data.chunks_exact(size).map(get).collect());
        // Row-major, whatever the file had.
        array
            .ok()
            .map(|array| array.as_standard_layout().into_owned())
    }
}

/// The text after a key and its colon.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let quoted = format!("'{key}'");
    let rest = &text[text.find(&quoted)? + quoted.len()..];
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}
