//! Files that are cut off or altered: an error or other numbers, but no panic, no endless loop
//! and no allocation beyond what the file's length justifies.

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
        let step = (whole.len() / 400).max(1);
        for len in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
            std::fs::write(&path, &whole[..len]).unwrap();
            let result = read_all(&path);
            assert!(result.is_err(), "{} cut to {len} bytes", original.display());
            assert!(Snapshot::open(&path).is_err());
        }
    }
}

#[test]
fn altered_files_neither_panic_nor_exhaust_memory() {
    let folder = tempfile::tempdir().unwrap();
    for original in originals(folder.path()) {
        let whole = std::fs::read(&original).unwrap();
        let path = folder.path().join("altered");
        let mut refused = 0;
        let step = (whole.len() / 1500).max(1);
        for offset in (0..whole.len()).step_by(step) {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[offset] ^= change;
                std::fs::write(&path, &bytes).unwrap();
                match read_all(&path) {
                    Ok(total) => assert!(total < 4096 * whole.len(), "{total} at {offset}"),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > 0, "{}", original.display());
    }
}

/// Runs of 0xff make sizes as large as they can be.
#[test]
fn huge_claims_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for original in originals(folder.path()) {
        let whole = std::fs::read(&original).unwrap();
        let path = folder.path().join("huge");
        let step = (whole.len() / 1500).max(1);
        for offset in (8..whole.len().saturating_sub(8)).step_by(step) {
            for width in [2, 4, 8] {
                let mut bytes = whole.clone();
                // The largest positive number of this width.
                bytes[offset..offset + width].fill(0xff);
                bytes[offset + width - 1] = 0x7f;
                std::fs::write(&path, &bytes).unwrap();
                let t0 = std::time::Instant::now();
 let r = read_all(&path); if t0.elapsed().as_secs_f64() > 0.2 { println!("SLOW {} {offset} {width} {:?} {:?}", original.display(), t0.elapsed(), r.as_ref().map_err(|e| e.to_string())); }
 if let Ok(total) = r {
                    assert!(total < 4096 * whole.len(), "{total} at {offset}");
                }
            }
        }
    }
}
