//! What goes to and comes from disk: snapshots, named arrays, logs and pictures.
//!
//! - [`SnapshotWriter`] and [`Snapshot`]: the state of a run with its units, in HDF5;
//! - [`read_arrays`]: named arrays of HDF5 or npz files, for initial conditions;
//! - [`CsvLog`]: a table that grows by a line at a time;
//! - [`picture`]: maps, line plots and figures as PNG (feature `picture`);
//! - [`write_atomically`]: files that appear whole or not at all.

mod arrays;
mod atomic;
mod dataset;
mod error;
mod hdf5;
mod log;
mod npy;
mod npz;
#[cfg(feature = "picture")]
pub mod picture;
mod snapshot;
mod table;

pub use arrays::read_arrays;
pub use atomic::write_atomically;
pub use dataset::{Dataset, Kind};
pub use error::{Error, Result};
pub use log::CsvLog;
pub use snapshot::{Attribute, Header, Snapshot, SnapshotWriter};
pub use table::{Table, read_log};
