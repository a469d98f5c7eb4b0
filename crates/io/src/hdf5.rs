//! Numbers to and from HDF5, with a guard around the library.
//!
//! A file from elsewhere may claim anything. Before data is read, its claimed size is compared
//! with what a file of this length can hold.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use adastra_core::{FieldRef, Real};
use hdf5_pure::{
    CompoundTypeBuilder, DatasetBuilder, Datatype, DatatypeByteOrder, File, make_f32_type,
    make_f64_type, make_i64_type,
};
use ndarray::{ArrayD, IxDyn};
use num_complex::Complex;

use crate::{Dataset, Error, Result};

/// Groups nested deeper than this are a cycle of hard links or hostile.
const MAX_DEPTH: usize = 16;
/// More datasets than this are hostile.
const MAX_DATASETS: usize = 65_536;
/// The best ratio that deflate reaches, with room for the format's overhead.
const MAX_COMPRESSION: u64 = 1100;

/// An open file whose every access is guarded.
pub(crate) struct Reader {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::metadata(path)
            .map_err(Error::io("read", path))?
            .len();
        let is_hdf5 = hdf5_pure::is_hdf5(path).map_err(Error::io("read", path))?;
        if !is_hdf5 {
            return Err(Error::Foreign {
                path: path.to_path_buf(),
                expected: "an HDF5 file",
            });
        }
        let file = guard(path, || File::open_streaming(path))?;
        let expected = file.superblock().eof_address;
        if expected > bytes {
            return Err(Error::Truncated {
                path: path.to_path_buf(),
                found: bytes,
                expected,
            });
        }
        Ok(Self {
            path: path.to_path_buf(),
            file,
            bytes,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The full names of all datasets, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        self.collect("", MAX_DEPTH, &mut names)?;
        names.sort();
        Ok(names)
    }

    fn collect(&self, group: &str, depth: usize, names: &mut Vec<String>) -> Result<()> {
        let (datasets, groups) = guard(&self.path, || {
            let node = if group.is_empty() {
                self.file.root()
            } else {
                self.file.group(group)?
            };
            Ok((node.datasets()?, node.groups()?))
        })?;
        let join = |name: &str| match group {
            "" => name.to_owned(),
            _ => format!("{group}/{name}"),
        };
        names.extend(datasets.iter().map(|name| join(name)));
        if names.len() + groups.len() > MAX_DATASETS {
            return Err(Error::TooLarge {
                path: self.path.clone(),
                part: "the number of datasets".to_owned(),
                claimed: (names.len() + groups.len()) as u64,
                allowed: MAX_DATASETS as u64,
            });
        }
        if depth == 0 && !groups.is_empty() {
            return Err(Error::Malformed {
                path: self.path.clone(),
                part: format!("group {group:?}"),
                reason: "groups are nested too deeply",
            });
        }
        groups
            .iter()
            .try_for_each(|name| self.collect(&join(name), depth - 1, names))
    }

    /// An attribute of the file, through a conversion that checks its type.
    pub(crate) fn attribute<T>(
        &self,
        name: &str,
        expected: &'static str,
        convert: impl FnOnce(&hdf5_pure::AttrValue) -> Option<T>,
    ) -> Result<T> {
        let attributes = guard(&self.path, || self.file.root().attrs())?;
        attributes
            .get(name)
            .and_then(convert)
            .ok_or_else(|| Error::Attribute {
                path: self.path.clone(),
                name: name.to_owned(),
                expected,
            })
    }

    /// The attribute `units` of a dataset; empty where there is none.
    pub(crate) fn units(&self, name: &str) -> Result<String> {
        let attributes = guard(&self.path, || self.file.dataset(name)?.attrs())?;
        let units = attributes.get("units").and_then(|value| value.as_str());
        Ok(units.unwrap_or_default().to_owned())
    }

    /// Reads a dataset; none if it holds something other than numbers.
    pub(crate) fn dataset(&self, name: &str) -> Result<Option<Dataset>> {
        let (dataset, datatype, dims, chunk) = guard(&self.path, || {
            let dataset = self.file.dataset(name)?;
            let (datatype, dims) = (dataset.datatype()?, dataset.shape()?);
            let chunk = dataset.chunk_shape()?;
            Ok((dataset, datatype, dims, chunk))
        })?;
        let Some(layout) = Layout::of(&datatype) else {
            return Ok(None);
        };
        let too_large = |claimed: u64, allowed| Error::TooLarge {
            path: self.path.clone(),
            part: format!("dataset {name:?}"),
            claimed,
            allowed,
        };
        // Without a filter, storage holds every byte. With one, chunks may be much smaller.
        let allowed = match chunk {
            Some(_) => self.bytes.saturating_mul(MAX_COMPRESSION),
            None => self.bytes,
        };
        for shape in [Some(&dims), chunk.as_ref()].into_iter().flatten() {
            let claimed = volume(shape).and_then(|n| n.checked_mul(layout.size as u64));
            match claimed {
                Some(claimed) if claimed <= allowed => {}
                claimed => return Err(too_large(claimed.unwrap_or(u64::MAX), allowed)),
            }
        }
        if chunk.is_some() {
            // The library takes memory for a stored chunk before it looks for its bytes.
            let chunks = guard(&self.path, || dataset.chunks())?;
            if let Some(chunk) = chunks.iter().find(|chunk| chunk.storage_size > self.bytes) {
                return Err(too_large(chunk.storage_size, self.bytes));
            }
        }
        let mut raw = guard(&self.path, || dataset.read_raw())?;
        let shape: Vec<usize> = dims.iter().map(|&n| n as usize).collect();
        if raw.len() != shape.iter().product::<usize>() * layout.size {
            return Err(Error::Malformed {
                path: self.path.clone(),
                part: format!("dataset {name:?}"),
                reason: "its data and its shape disagree",
            });
        }
        if layout.swap {
            raw.chunks_exact_mut(layout.number.bytes())
                .for_each(<[u8]>::reverse);
        }
        let decoded = layout.decode(&raw, &shape).map(Some);
        decoded.ok_or_else(|| too_large(u64::MAX, allowed))
    }
}

/// Number of elements, unless it overflows.
fn volume(shape: &[u64]) -> Option<u64> {
    shape
        .iter()
        .try_fold(1u64, |n, &length| n.checked_mul(length))
}

/// Runs a call into the HDF5 library.
///
/// The library returns errors for damaged files. Should it nevertheless panic on one, the panic
/// becomes an error here: the file is at fault, and nothing of the library's state is used again.
pub(crate) fn guard<T>(
    path: &Path,
    call: impl FnOnce() -> std::result::Result<T, hdf5_pure::Error>,
) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(hdf5_pure::Error::Io(source))) => Err(Error::io("read", path)(source)),
        Ok(Err(source)) => Err(Error::Hdf5 {
            path: path.to_path_buf(),
            source: Box::new(source),
        }),
        Err(_) => Err(Error::Malformed {
            path: path.to_path_buf(),
            part: "HDF5 structure".to_owned(),
            reason: "damaged",
        }),
    }
}

/// One number in a file.
#[derive(Clone, Copy, PartialEq)]
enum Number {
    F32,
    F64,
    /// Bytes, and whether there is a sign.
    Integer(usize, bool),
}

impl Number {
    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Integer(bytes, _) => bytes,
        }
    }
}

/// How an element lies in a file.
struct Layout {
    number: Number,
    complex: bool,
    /// Big-endian.
    swap: bool,
    /// Bytes of an element.
    size: usize,
}

impl Layout {
    /// None for what is not an IEEE number, a usual integer, or a complex number in the form
    /// that h5py (`r`, `i`) and other writers use: a compound of two floats.
    fn of(datatype: &Datatype) -> Option<Self> {
        if let Datatype::Compound { size, members } = datatype {
            let [re, im] = members.as_slice() else {
                return None;
            };
            let part = Self::of(&re.datatype)?;
            let names = [("r", "i"), ("real", "imag"), ("re", "im")];
            let named = names.contains(&(re.name.as_str(), im.name.as_str()));
            let packed = re.byte_offset == 0
                && im.byte_offset == part.size as u64
                && *size as usize == 2 * part.size
                && re.datatype == im.datatype;
            let float = !part.complex && matches!(part.number, Number::F32 | Number::F64);
            let size = 2 * part.size;
            return (named && packed && float).then_some(Self {
                complex: true,
                size,
                ..part
            });
        }
        let little = with_order(datatype, DatatypeByteOrder::LittleEndian)?;
        let number = match &little {
            float if *float == make_f32_type() => Number::F32,
            float if *float == make_f64_type() => Number::F64,
            Datatype::FixedPoint {
                size: size @ (1 | 2 | 4 | 8),
                layout,
                ..
            } => {
                let bytes = *size as usize;
                if layout.bit_offset != 0 || usize::from(layout.bit_precision) != 8 * bytes {
                    return None;
                }
                Number::Integer(bytes, layout.signed)
            }
            _ => return None,
        };
        let swap = little != *datatype;
        Some(Self {
            number,
            complex: false,
            swap,
            size: number.bytes(),
        })
    }

    /// None where the shape overflows, which its check against the file's length excludes.
    fn decode(&self, raw: &[u8], shape: &[usize]) -> Option<Dataset> {
        Some(match (self.number, self.complex) {
            (Number::F32, false) => Dataset::F32(array(raw, 4, shape, f32::get)?),
            (Number::F64, false) => Dataset::F64(array(raw, 8, shape, f64::get)?),
            (Number::F32, true) => Dataset::Complex32(array(raw, 8, shape, pair::<f32>)?),
            (Number::F64, true) => Dataset::Complex64(array(raw, 16, shape, pair::<f64>)?),
            (Number::Integer(bytes, signed), _) => {
                Dataset::I64(array(raw, bytes, shape, |raw| integer(raw, signed))?)
            }
        })
    }
}

/// The datatype with another byte order; none for what is neither float nor integer.
fn with_order(datatype: &Datatype, order: DatatypeByteOrder) -> Option<Datatype> {
    let mut datatype = datatype.clone();
    match &mut datatype {
        Datatype::FloatingPoint { byte_order, .. } | Datatype::FixedPoint { byte_order, .. } => {
            if *byte_order == DatatypeByteOrder::Vax {
                return None;
            }
            *byte_order = order;
        }
        _ => return None,
    }
    Some(datatype)
}

/// The array of little-endian elements of `size` bytes.
pub(crate) fn array<A>(
    raw: &[u8],
    size: usize,
    shape: &[usize],
    get: impl Fn(&[u8]) -> A,
) -> Option<ArrayD<A>> {
    ArrayD::from_shape_vec(IxDyn(shape), raw.chunks_exact(size).map(get).collect()).ok()
}

/// A complex number from its little-endian bytes.
pub(crate) fn pair<T: Real>(raw: &[u8]) -> Complex<T> {
    let (re, im) = raw.split_at(T::BYTES);
    Complex::new(T::get(re), T::get(im))
}

/// An integer from its one to eight little-endian bytes; what exceeds 2^63 - 1 saturates.
pub(crate) fn integer(raw: &[u8], signed: bool) -> i64 {
    let negative = signed && raw.last().is_some_and(|last| last & 0x80 != 0);
    let mut bytes = [if negative { 0xff } else { 0 }; 8];
    bytes[..raw.len()].copy_from_slice(raw);
    if signed {
        i64::from_le_bytes(bytes)
    } else {
        i64::try_from(u64::from_le_bytes(bytes)).unwrap_or(i64::MAX)
    }
}

/// An array as the library takes it.
pub(crate) struct Encoded {
    datatype: Datatype,
    raw: Vec<u8>,
    shape: Vec<u64>,
}

/// The little-endian bytes of a field's numbers.
pub(crate) fn encode<T: Real>(field: &FieldRef<'_, T>) -> Result<Encoded, hdf5_pure::Error> {
    let part = if T::BYTES == 4 {
        make_f32_type()
    } else {
        make_f64_type()
    };
    let mut raw = Vec::with_capacity(field.bytes());
    let datatype = match field {
        FieldRef::Real(a) => {
            a.iter().for_each(|x| x.put(&mut raw));
            part
        }
        FieldRef::Complex(a) => {
            for z in a {
                z.re.put(&mut raw);
                z.im.put(&mut raw);
            }
            // The names by which h5py knows a complex number.
            CompoundTypeBuilder::new()
                .field("r", part.clone())
                .field("i", part)
                .build()?
        }
    };
    Ok(Encoded {
        datatype,
        raw,
        shape: extents(field.shape()),
    })
}

/// The little-endian bytes of integers.
pub(crate) fn encode_integers(array: &ArrayD<i64>) -> Encoded {
    let raw = array.iter().flat_map(|n| n.to_le_bytes()).collect();
    Encoded {
        datatype: make_i64_type(),
        raw,
        shape: extents(array.shape()),
    }
}

fn extents(shape: &[usize]) -> Vec<u64> {
    shape.iter().map(|&n| n as u64).collect()
}

impl Encoded {
    /// Hands the array with its units to the library.
    pub(crate) fn fill(self, builder: &mut DatasetBuilder, units: String) {
        let count = self.shape.iter().product();
        builder
            .with_raw_data(self.datatype, self.raw, count)
            .with_shape(&self.shape);
        builder.set_attr("units", hdf5_pure::AttrValue::VarLenString(units));
    }
}
