//! Files that are cut off or altered: an error or other numbers, but no panic, no endless loop
//! and no allocation beyond what the file's length justifies.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use adastra_io::{Dataset, Header, Snapshot, SnapshotWriter, read_arrays};
use ndarray::{Array, array};
use num_complex::Complex;

fn small_snapshot(path: &Path) {
    let header = Header {
        time: 1.5,
        step: 3,
        code_version: "0.1.0".into(),
        config: "steps = 3".into(),
    };
    let mut writer = SnapshotWriter::new(header);
    let psi = Array::from_shape_fn((2, 2), |(i, j)| Complex::new(i as f32, j as f32));
    writer
        .dataset("dm/psi", "1", &psi.into_dyn().into())
        .unwrap();
    writer
        .dataset("stars/mass", "Msun", &array![1e7, 2e7].into_dyn().into())
        .unwrap();
    writer.write(path).unwrap();
}

/// Reads everything that a file offers; bytes of all numbers.
fn read_all(path: &Path) -> Result<usize, adastra_io::Error> {
    let bytes = |d: &Dataset| 16 * d.shape().iter().product::<usize>();
    let arrays = read_arrays(path)?;
    let mut total: usize = arrays.values().map(bytes).sum();
    if let Ok(snapshot) = Snapshot::open(path) {
        for name in snapshot.names() {
            total += snapshot.dataset(name).map_or(0, |d| bytes(&d));
            let _ = snapshot.units(name);
        }
    }
    Ok(total)
}

fn originals(folder: &Path) -> Vec<PathBuf> {
    let snapshot = folder.join("snapshot.h5");
    small_snapshot(&snapshot);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    vec![
        snapshot,
        data.join("h5py.h5"),
        data.join("stored.npz"),
        data.join("deflated.npz"),
    ]
}

#[test]
fn truncated_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    for original in originals(folder.path()) {
        let whole = std::fs::read(&original).unwrap();
        let path = folder.path().join("truncated");
        assert!(read_all(&original).is_ok());
        let step = (whole.len() / 200).max(1);
        for len in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
            std::fs::write(&path, &whole[..len]).unwrap();
            let result = read_all(&path);
            assert!(result.is_err(), "{} cut to {len} bytes", original.display());
            assert!(Snapshot::open(&path).is_err());
        }
    }
}

/// Replaces bytes of a copy of the file, reads it, and puts the bytes back. Counts refusals.
fn refusals(original: &Path, copy: &Path, changes: impl Fn(&[u8], usize) -> Vec<Vec<u8>>) -> usize {
    let whole = std::fs::read(original).unwrap();
    std::fs::write(copy, &whole).unwrap();
    let mut file = std::fs::OpenOptions::new().write(true).open(copy).unwrap();
    let mut write = |offset: usize, bytes: &[u8]| {
        file.seek(SeekFrom::Start(offset as u64)).unwrap();
        file.write_all(bytes).unwrap();
    };
    let mut refused = 0;
    // A stride without common factors with the formats' alignment.
    let stride = (whole.len() / 400).max(1) | 1;
    for offset in (0..whole.len() - 8).step_by(stride) {
        for bytes in changes(&whole, offset) {
            write(offset, &bytes);
            match read_all(copy) {
                Ok(total) => assert!(total < 4096 * whole.len(), "{total} at {offset}"),
                Err(_) => refused += 1,
            }
            write(offset, &whole[offset..offset + bytes.len()]);
        }
    }
    assert_eq!(std::fs::read(copy).unwrap(), whole);
    refused
}

#[test]
fn altered_files_neither_panic_nor_exhaust_memory() {
    let folder = tempfile::tempdir().unwrap();
    for original in originals(folder.path()) {
        let refused = refusals(
            &original,
            &folder.path().join("altered"),
            |whole, offset| {
                [0x01, 0x80, 0xff]
                    .map(|change| vec![whole[offset] ^ change])
                    .to_vec()
            },
        );
        assert!(refused > 0, "{}", original.display());
    }
}

/// The largest numbers of each width make sizes and counts as large as they can be.
#[test]
fn huge_claims_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for original in originals(folder.path()) {
        let refused = refusals(&original, &folder.path().join("huge"), |_, _| {
            [2, 4, 8]
                .map(|width| {
                    let mut bytes = vec![0xff; width];
                    bytes[width - 1] = 0x7f;
                    bytes
                })
                .to_vec()
        });
        assert!(refused > 0, "{}", original.display());
    }
}
