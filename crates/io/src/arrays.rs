//! Named arrays for initial conditions, from HDF5 or npz.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use crate::hdf5::Reader;
use crate::{Dataset, Error, Result, npz};

/// Reads all numeric arrays of a file: HDF5 (also compressed, also a snapshot) or npz as
/// `numpy.savez` and `numpy.savez_compressed` write it. The first bytes tell which.
///
/// Arrays in groups have names like `"dm/psi"`. What holds no numbers, such as text, is left
/// out.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read; [`Error::Foreign`] when it is neither;
/// [`Error::Truncated`], [`Error::Hdf5`], [`Error::Malformed`] or [`Error::TooLarge`] when it is
/// damaged.
pub fn read_arrays(path: impl AsRef<Path>) -> Result<BTreeMap<String, Dataset>> {
    let path = path.as_ref();
    let mut magic = Vec::new();
    let file = std::fs::File::open(path).map_err(Error::io("read", path))?;
    file.take(4)
        .read_to_end(&mut magic)
        .map_err(Error::io("read", path))?;
    if matches!(magic.as_slice(), b"PK\x03\x04" | b"PK\x05\x06") {
        return npz::read(path);
    }
    let reader = match Reader::open(path) {
        Err(Error::Foreign { path, .. }) => {
            return Err(Error::Foreign {
                path,
                expected: "an HDF5 or npz file",
            });
        }
        other => other?,
    };
    let mut arrays = BTreeMap::new();
    for name in reader.names()? {
        if let Some(dataset) = reader.dataset(&name)? {
            arrays.insert(name, dataset);
        }
    }
    Ok(arrays)
}
