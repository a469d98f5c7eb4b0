//! What can go wrong with files.

use std::path::{Path, PathBuf};

/// Result of the operations of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A file could not be written, read or understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused: no such file, no permission, no space.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `"write"`, `"read"`, `"create"`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is of another kind.
    #[error("{} is not {expected}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// The file is shorter than it says.
    #[error("{} is truncated: {found} bytes of {expected}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes it has.
        found: u64,
        /// Bytes it should have.
        expected: u64,
    },
    /// The HDF5 structure of a file is damaged or uses what the reader does not support.
    #[error("{}: {source}", path.display())]
    Hdf5 {
        /// The file.
        path: PathBuf,
        /// The HDF5 library's error.
        source: Box<hdf5_pure::Error>,
    },
    /// A part of a file makes no sense.
    #[error("{}: {part}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which part of it.
        part: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file has no dataset of this name.
    #[error("{} has no dataset {name:?}; it has {}", path.display(), list(known))]
    Missing {
        /// The file.
        path: PathBuf,
        /// The name asked for.
        name: String,
        /// The names of the file's datasets.
        known: Vec<String>,
    },
    /// An attribute is missing or of another type.
    #[error("{} has no attribute {name:?} of type {expected}", path.display())]
    Attribute {
        /// The file.
        path: PathBuf,
        /// The attribute's name.
        name: String,
        /// The type that is needed.
        expected: &'static str,
    },
    /// A dataset has another shape.
    #[error("{}: {name}: shape {found:?}, expected {expected:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The dataset.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that is needed.
        expected: Vec<usize>,
    },
    /// A dataset holds another kind of number.
    #[error("{}: {name}: holds {found}, expected {expected}", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// The dataset.
        name: String,
        /// What it holds.
        found: String,
        /// What is needed.
        expected: String,
    },
    /// A file claims more than it can hold, or more than is allowed.
    #[error("{}: {part} claims {claimed}; at most {allowed} is possible", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Which part of the file.
        part: String,
        /// The claimed size, in bytes, pixels or entries.
        claimed: u64,
        /// The largest credible size.
        allowed: u64,
    },
    /// A name cannot be that of a dataset.
    #[error("dataset name {name:?}: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A row of a log has another number of columns.
    #[error("{}: a row of {found} columns in a log of {expected}", path.display())]
    Columns {
        /// The log.
        path: PathBuf,
        /// Columns of the row.
        found: usize,
        /// Columns of the log.
        expected: usize,
    },
    /// A picture cannot be drawn from this.
    #[cfg(feature = "picture")]
    #[error("cannot draw {what}: {reason}")]
    Draw {
        /// Which panel, curve or axis.
        what: String,
        /// Why not.
        reason: &'static str,
    },
    /// A PNG file is damaged or uses what the reader does not support.
    #[cfg(feature = "picture")]
    #[error("{}: {source}", path.display())]
    Png {
        /// The file.
        path: PathBuf,
        /// The PNG library's error.
        source: Box<png::DecodingError>,
    },
}

impl Error {
    /// Wraps a system error.
    pub(crate) fn io(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// The first names of a list, in quotes.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
