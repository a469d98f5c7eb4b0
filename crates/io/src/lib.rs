//! What goes to and comes from disk: snapshots, named arrays, logs and pictures.

mod arrays;
mod atomic;
mod dataset;
mod error;
mod hdf5;
mod log;
mod npy;
mod npz;
mod snapshot;

pub use arrays::read_arrays;
pub use atomic::write_atomically;
pub use dataset::{Dataset, Kind};
pub use error::{Error, Result};
pub use log::CsvLog;
pub use snapshot::{Attribute, Header, Snapshot, SnapshotWriter};
