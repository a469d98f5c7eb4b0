//! Files that h5py and NumPy wrote (`tests/data/generate.py`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adastra_io::{Dataset, Error, Kind, Snapshot, read_arrays};
use ndarray::{ArrayD, IxDyn};
use num_complex::Complex;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// An array of shape (2, 3, 4) from the flat index of each element.
fn from_index<A>(f: impl Fn(f64) -> A) -> ArrayD<A> {
    let elements = (0..24).map(|n| f(f64::from(n))).collect();
    ArrayD::from_shape_vec(IxDyn(&[2, 3, 4]), elements).unwrap()
}

fn assert_golden(arrays: &BTreeMap<String, Dataset>, prefix: &str) {
    let get = |name: &str| &arrays[&format!("{prefix}{name}")];
    let third = from_index(|n| n / 3.0);
    let wave = from_index(|n| Complex::new(0.0, n / 5.0).exp());
    assert_eq!(*get("f64"), third.clone().into());
    assert_eq!(*get("f32"), third.mapv(|x| x as f32).into());
    assert_eq!(*get("big_f64"), third.into());
    assert_eq!(*get("i32"), from_index(|n| n as i64 - 5).into());
    assert_eq!(*get("u8"), from_index(|n| n as i64).into());
    assert_eq!(*get("scalar"), ndarray::arr0(2.5).into_dyn().into());
    assert_eq!(
        (get("empty").shape(), get("empty").kind()),
        ([0, 3].as_slice(), Kind::F64)
    );
    // The exponential function may differ in the last digit between libraries.
    assert_eq!(get("c128").kind(), Kind::Complex64);
    for name in ["c64", "big_c64"] {
        assert_eq!(get(name).kind(), Kind::Complex32);
    }
    for (name, tolerance) in [("c128", 1e-15), ("c64", 1e-7), ("big_c64", 1e-7)] {
        let found = get(name).to_complex::<f64>();
        assert_eq!(found.shape(), wave.shape());
        let worst = (&found - &wave)
            .iter()
            .map(|z| z.norm())
            .fold(0.0, f64::max);
        assert!(worst < tolerance, "{name}: {worst}");
    }
}

#[test]
fn reads_what_h5py_wrote() {
    let arrays = read_arrays(data("h5py.h5")).unwrap();
    assert_golden(&arrays, "group/");
    assert_eq!(arrays["chunked"], from_index(|n| n / 3.0).into());
    assert!(!arrays.contains_key("text"));
    assert_eq!(arrays.len(), 11);
}

#[test]
fn reads_what_numpy_wrote() {
    let stored = read_arrays(data("stored.npz")).unwrap();
    assert_golden(&stored, "");
    assert_eq!(stored["column_major"], from_index(|n| n / 3.0).into());
    assert!(!stored.contains_key("text"));
    assert_golden(&read_arrays(data("deflated.npz")).unwrap(), "");
}

#[test]
fn a_foreign_hdf5_file_is_not_a_snapshot() {
    let Err(error) = Snapshot::open(data("h5py.h5")) else {
        panic!("opened")
    };
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("h5py.h5 is not an adastra snapshot"),
        "{error}"
    );
}

#[test]
fn other_files_are_named_as_such() {
    let error = read_arrays(data("generate.py")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("generate.py is not an HDF5 or npz file"),
        "{error}"
    );
    let error = read_arrays(data("nowhere.h5")).unwrap_err();
    assert!(matches!(error, Error::Io { action: "read", .. }), "{error}");
    assert!(error.to_string().contains("nowhere.h5"), "{error}");
}
