//! Files that appear whole or not at all.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::{Error, Result};

/// Writes a file under a temporary name in the same folder, makes it durable and renames it.
///
/// A kill at any moment leaves the previous file of that name whole, and an error leaves no
/// temporary file behind.
///
/// # Errors
/// [`Error::Io`] when the folder does not exist, allows no writing or is full; what `write`
/// returns.
pub fn write_atomically<T>(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut File) -> Result<T>,
) -> Result<T> {
    let path = path.as_ref();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let refused = Error::io("write", path);
    let Some(name) = path.file_name() else {
        return Err(refused(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a file name",
        )));
    };
    let mut file = match temporary(&folder, name) {
        Ok(file) => file,
        Err(source) => return Err(refused(source)),
    };
    let value = write(file.as_file_mut())?;
    let renamed = file
        .as_file()
        .sync_all()
        .and_then(|()| file.persist(path).map_err(|error| error.error));
    // The rename itself is durable once the folder is.
    let durable = renamed.and_then(|_| {
        if cfg!(unix) {
            File::open(&folder)?.sync_all()
        } else {
            Ok(())
        }
    });
    durable.map_err(refused)?;
    Ok(value)
}

fn temporary(folder: &Path, name: &std::ffi::OsStr) -> io::Result<NamedTempFile> {
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(".tmp");
    // Temporary files are private by default; these become the user's results.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
