//! What can go wrong in the command.

use std::path::{Path, PathBuf};

pub(super) type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Pipeline(#[from] adastra_pipeline::Error),
    #[error(transparent)]
    Io(#[from] adastra_io::Error),
    #[error("fit: {0}")]
    Optimize(#[from] adastra_optimize::Error),
    #[error("{name} = {value}: allowed: {allowed}")]
    Option {
        name: &'static str,
        value: String,
        allowed: &'static str,
    },
    #[error("{key}: {message}")]
    Table { key: &'static str, message: String },
    #[error("{path}: {source}")]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0}: allowed: a snapshot (.h5) or a log (.csv)")]
    Kind(PathBuf),
    #[error("{path}: {what}; allowed: the restart file of this configuration")]
    Restart { path: PathBuf, what: String },
    #[error("{failed} of {all} gradient checks failed")]
    Check { failed: usize, all: usize },
}

impl Error {
    pub(super) fn folder(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Folder { path, source }
    }
}

impl From<adastra_core::Error> for Error {
    fn from(e: adastra_core::Error) -> Self {
        Self::Pipeline(e.into())
    }
}
