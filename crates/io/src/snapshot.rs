//! Snapshots: one HDF5 file with named datasets, their units, and a header.
//!
//! The layout is plain HDF5, so that h5py reads a snapshot without this crate:
//!
//! ```text
//! with h5py.File("snapshot.h5") as f:
//!     f.attrs["time"], f["dm/psi"][:], f["dm/psi"].attrs["units"]
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use adastra_core::{FieldRef, Real};
use hdf5_pure::{AttrValue, FileBuilder, GroupBuilder};
use ndarray::ArrayD;
use num_complex::Complex;

use crate::hdf5::{self, Encoded, Reader};
use crate::{Dataset, Error, Kind, Result, write_atomically};

/// Value of the attribute `format`, which tells a snapshot from other HDF5 files.
const FORMAT: &str = "adastra snapshot";
/// Value of the attribute `format_version`.
const FORMAT_VERSION: i64 = 1;
/// Attributes that the header occupies.
const RESERVED: [&str; 6] = [
    "format",
    "format_version",
    "time",
    "step",
    "code_version",
    "config",
];

/// What a snapshot says about the run it is from.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Time, in kpc/(km/s).
    pub time: f64,
    /// Number of steps made.
    pub step: u64,
    /// Version of the program that wrote it.
    pub code_version: String,
    /// The run's configuration, as text.
    pub config: String,
}

/// A number or a text that a snapshot carries besides its header.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A real number.
    Real(f64),
    /// An integer.
    Integer(i64),
    /// A text.
    Text(String),
}

/// Collects the parts of a snapshot and writes them in one go.
///
/// ```
/// use adastra_core::Fields;
/// use adastra_io::{Header, Snapshot, SnapshotWriter};
/// use ndarray::array;
///
/// let position = array![[1.0_f32, 2.0, 3.0]];
/// let header = Header { time: 0.5, step: 10, code_version: "0.1.0".into(), config: "".into() };
/// let mut writer = SnapshotWriter::new(header);
/// let mut result = Ok(());
/// position.visit(&mut |_, field| {
///     result = writer.field("stars/position", "kpc", field);
/// });
/// result?;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("snapshot.h5");
/// writer.write(&path)?;
/// let snapshot = Snapshot::open(&path)?;
/// assert_eq!(snapshot.header().step, 10);
/// assert_eq!(snapshot.real::<f32>("stars/position", &[1, 3])?, position.into_dyn());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct SnapshotWriter {
    header: Header,
    attributes: BTreeMap<String, Attribute>,
    datasets: BTreeMap<String, (Encoded, String)>,
}

impl SnapshotWriter {
    /// A snapshot without datasets.
    pub fn new(header: Header) -> Self {
        Self {
            header,
            attributes: BTreeMap::new(),
            datasets: BTreeMap::new(),
        }
    }

    /// Adds a field of a state. Slashes in the name make groups: `"dm/psi"`.
    ///
    /// # Errors
    /// [`Error::Name`] for an empty part, a duplicate, or a name that is also a group.
    pub fn field<T: Real>(
        &mut self,
        name: &str,
        units: &str,
        field: FieldRef<'_, T>,
    ) -> Result<()> {
        self.check(name)?;
        let encoded = hdf5::encode(&field).map_err(|source| library(name, source))?;
        self.datasets
            .insert(name.to_owned(), (encoded, units.to_owned()));
        Ok(())
    }

    /// Adds an array. Slashes in the name make groups.
    ///
    /// # Errors
    /// As [`SnapshotWriter::field`].
    pub fn dataset(&mut self, name: &str, units: &str, dataset: &Dataset) -> Result<()> {
        match dataset {
            Dataset::F32(a) => self.field(name, units, FieldRef::Real(a.view())),
            Dataset::F64(a) => self.field(name, units, FieldRef::Real(a.view())),
            Dataset::Complex32(a) => self.field(name, units, FieldRef::Complex(a.view())),
            Dataset::Complex64(a) => self.field(name, units, FieldRef::Complex(a.view())),
            Dataset::I64(a) => {
                self.check(name)?;
                let encoded = hdf5::encode_integers(a);
                self.datasets
                    .insert(name.to_owned(), (encoded, units.to_owned()));
                Ok(())
            }
        }
    }

    /// Adds an attribute besides the header's, or replaces it.
    ///
    /// # Errors
    /// [`Error::Name`] for an empty name or one of the header's.
    pub fn attribute(&mut self, name: &str, value: Attribute) -> Result<()> {
        let wrong = |reason| {
            Err(Error::Name {
                name: name.to_owned(),
                reason,
            })
        };
        if name.is_empty() || name.contains('\0') {
            return wrong("must be a non-empty text without null characters");
        }
        if RESERVED.contains(&name) {
            return wrong("belongs to the header");
        }
        self.attributes.insert(name.to_owned(), value);
        Ok(())
    }

    fn check(&self, name: &str) -> Result<()> {
        let wrong = |reason| {
            Err(Error::Name {
                name: name.to_owned(),
                reason,
            })
        };
        if name
            .split('/')
            .any(|part| matches!(part, "" | "." | "..") || part.contains('\0'))
        {
            return wrong("each part between slashes must be a name");
        }
        if self.datasets.contains_key(name) {
            return wrong("is already taken");
        }
        let below = |group: &str, name: &str| {
            name.strip_prefix(group)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        if self
            .datasets
            .keys()
            .any(|other| below(other, name) || below(name, other))
        {
            return wrong("cannot be both a dataset and a group");
        }
        Ok(())
    }

    /// Writes the file under a temporary name, makes it durable and renames it, so that a file
    /// of this name is always whole.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder is missing, not writable or full; nothing is left behind.
    pub fn write(self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let mut builder = FileBuilder::new();
        let text = |text: String| AttrValue::VarLenString(text);
        builder.set_attr("format", text(FORMAT.to_owned()));
        builder.set_attr("format_version", AttrValue::I64(FORMAT_VERSION));
        builder.set_attr("time", AttrValue::F64(self.header.time));
        builder.set_attr("step", AttrValue::U64(self.header.step));
        builder.set_attr("code_version", text(self.header.code_version));
        builder.set_attr("config", text(self.header.config));
        for (name, value) in self.attributes {
            let value = match value {
                Attribute::Real(x) => AttrValue::F64(x),
                Attribute::Integer(n) => AttrValue::I64(n),
                Attribute::Text(words) => text(words),
            };
            builder.set_attr(&name, value);
        }
        let mut root = Node::default();
        for (name, part) in self.datasets {
            root.insert(&name, part);
        }
        for (name, (encoded, units)) in root.datasets {
            encoded.fill(builder.create_dataset(&name), units);
        }
        for (name, node) in root.groups {
            let group = builder.create_group(&name);
            builder.add_group(node.build(group).finish());
        }
        write_atomically(path, |file| {
            builder.finish_to(file).map_err(|error| match error {
                hdf5_pure::Error::Io(source) => Error::io("write", path)(source),
                other => Error::Hdf5 {
                    path: path.to_path_buf(),
                    source: Box::new(other),
                },
            })
        })
    }
}

fn library(name: &str, source: hdf5_pure::Error) -> Error {
    Error::Hdf5 {
        path: name.into(),
        source: Box::new(source),
    }
}

/// A group of datasets and groups.
#[derive(Default)]
struct Node {
    datasets: BTreeMap<String, (Encoded, String)>,
    groups: BTreeMap<String, Node>,
}

impl Node {
    fn insert(&mut self, name: &str, part: (Encoded, String)) {
        match name.split_once('/') {
            Some((group, rest)) => {
                self.groups
                    .entry(group.to_owned())
                    .or_default()
                    .insert(rest, part);
            }
            None => {
                self.datasets.insert(name.to_owned(), part);
            }
        }
    }

    fn build(self, mut builder: GroupBuilder) -> GroupBuilder {
        for (name, (encoded, units)) in self.datasets {
            encoded.fill(builder.create_dataset(&name), units);
        }
        for (name, node) in self.groups {
            let group = builder.create_group(&name);
            builder.add_group(node.build(group).finish());
        }
        builder
    }
}

/// A snapshot open for reading. Datasets are read when asked for.
pub struct Snapshot {
    reader: Reader,
    header: Header,
    names: Vec<String>,
}

impl Snapshot {
    /// Opens a snapshot and reads its header.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read; [`Error::Foreign`] for other files;
    /// [`Error::Truncated`], [`Error::Hdf5`], [`Error::Malformed`] or [`Error::TooLarge`] for
    /// damaged ones; [`Error::Attribute`] when the header is incomplete.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let reader = Reader::open(path)?;
        let text = |name| reader.attribute(name, "text", |v| v.as_str().map(str::to_owned));
        let foreign = || Error::Foreign {
            path: path.to_path_buf(),
            expected: "an adastra snapshot",
        };
        match text("format") {
            Ok(format) if format == FORMAT => {}
            Ok(_) | Err(Error::Attribute { .. }) => return Err(foreign()),
            Err(error) => return Err(error),
        }
        if reader.attribute("format_version", "integer", AttrValue::as_i64)? != FORMAT_VERSION {
            let expected = "a snapshot of a format version that this program reads";
            return Err(Error::Foreign {
                path: path.to_path_buf(),
                expected,
            });
        }
        let header = Header {
            time: reader.attribute("time", "real number", AttrValue::as_f64)?,
            step: reader.attribute("step", "count", AttrValue::as_u64)?,
            code_version: text("code_version")?,
            config: text("config")?,
        };
        let names = reader.names()?;
        Ok(Self {
            reader,
            header,
            names,
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The full names of all datasets, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// An attribute besides the header's.
    ///
    /// # Errors
    /// [`Error::Attribute`] when there is none of this name, or it is neither number nor text.
    pub fn attribute(&self, name: &str) -> Result<Attribute> {
        self.reader
            .attribute(name, "number or text", |value| match value {
                AttrValue::F64(x) => Some(Attribute::Real(*x)),
                value => match (value.as_i64(), value.as_str()) {
                    (Some(n), _) => Some(Attribute::Integer(n)),
                    (None, Some(text)) => Some(Attribute::Text(text.to_owned())),
                    (None, None) => value.as_f64().map(Attribute::Real),
                },
            })
    }

    /// The units of a dataset; empty for none.
    ///
    /// # Errors
    /// [`Error::Missing`], or as [`Snapshot::open`] for damaged files.
    pub fn units(&self, name: &str) -> Result<String> {
        self.known(name)?;
        self.reader.units(name)
    }

    /// A dataset of whatever kind and shape.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Kind`] for anything but numbers; as [`Snapshot::open`] for
    /// damaged files.
    pub fn dataset(&self, name: &str) -> Result<Dataset> {
        self.known(name)?;
        self.reader.dataset(name)?.ok_or_else(|| Error::Kind {
            path: self.reader.path().to_path_buf(),
            name: name.to_owned(),
            found: "something other than numbers".to_owned(),
            expected: "numbers".to_owned(),
        })
    }

    /// A real array of exactly this type and shape, bit for bit as written.
    ///
    /// # Errors
    /// As [`Snapshot::dataset`]; [`Error::Kind`] and [`Error::Shape`] for others.
    pub fn real<T: Real>(&self, name: &str, shape: &[usize]) -> Result<ArrayD<T>> {
        let dataset = self.checked(name, Kind::real::<T>(), shape)?;
        dataset
            .to_real()
            .ok_or_else(|| self.wrong_kind(name, dataset.kind(), Kind::real::<T>()))
    }

    /// A complex array of exactly this type and shape, bit for bit as written.
    ///
    /// # Errors
    /// As [`Snapshot::real`].
    pub fn complex<T: Real>(&self, name: &str, shape: &[usize]) -> Result<ArrayD<Complex<T>>> {
        Ok(self
            .checked(name, Kind::complex::<T>(), shape)?
            .to_complex())
    }

    fn checked(&self, name: &str, kind: Kind, shape: &[usize]) -> Result<Dataset> {
        let dataset = self.dataset(name)?;
        if dataset.kind() != kind {
            return Err(self.wrong_kind(name, dataset.kind(), kind));
        }
        if dataset.shape() != shape {
            return Err(Error::Shape {
                path: self.reader.path().to_path_buf(),
                name: name.to_owned(),
                found: dataset.shape().to_vec(),
                expected: shape.to_vec(),
            });
        }
        Ok(dataset)
    }

    fn known(&self, name: &str) -> Result<()> {
        if self.names.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(Error::Missing {
            path: self.reader.path().to_path_buf(),
            name: name.to_owned(),
            known: self.names.clone(),
        })
    }

    fn wrong_kind(&self, name: &str, found: Kind, expected: Kind) -> Error {
        Error::Kind {
            path: self.reader.path().to_path_buf(),
            name: name.to_owned(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }
}
