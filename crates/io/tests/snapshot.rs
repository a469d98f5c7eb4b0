//! Snapshots: what is written is read, and a file is whole or not there.

use adastra_core::{FieldRef, Fields};
use adastra_io::{Attribute, Dataset, Error, Header, Kind, Snapshot, SnapshotWriter};
use ndarray::{Array, ArrayD, IxDyn, array};
use num_complex::Complex;
use proptest::prelude::*;

fn header() -> Header {
    Header {
        time: 0.1 + 0.2,
        step: 12_345_678_901,
        code_version: "0.1.0".into(),
        config: "[box]\nlength = \"20 kpc\" # λ = 2π/k\n".into(),
    }
}

fn writer(parts: &[(&str, &str, Dataset)]) -> SnapshotWriter {
    let mut writer = SnapshotWriter::new(header());
    for (name, units, dataset) in parts {
        writer.dataset(name, units, dataset).unwrap();
    }
    writer
}

fn example() -> SnapshotWriter {
    let psi = Array::from_shape_fn((2, 3, 4), |(i, j, k)| {
        Complex::new(i as f64 - 0.1, (j * k) as f64 / 3.0)
    });
    writer(&[
        ("dm/psi", "sqrt(Msun/kpc^3)", psi.into_dyn().into()),
        (
            "stars/position",
            "kpc",
            array![[1.0_f32, 2.0, 3.0]].into_dyn().into(),
        ),
        ("stars/id", "", array![7_i64].into_dyn().into()),
        (
            "time_step",
            "kpc/(km/s)",
            ndarray::arr0(0.25).into_dyn().into(),
        ),
    ])
}

#[test]
fn a_snapshot_keeps_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot.h5");
    let mut snapshot = example();
    for (name, value) in [
        ("seed", Attribute::Integer(-3)),
        ("boson_mass", Attribute::Real(1e-22)),
        ("scheme", Attribute::Text("kick-drift-kick".into())),
    ] {
        snapshot.attribute(name, value).unwrap();
    }
    snapshot.write(&path).unwrap();
    let read = Snapshot::open(&path).unwrap();
    assert_eq!(*read.header(), header());
    assert_eq!(
        read.names(),
        ["dm/psi", "stars/id", "stars/position", "time_step"]
    );
    assert_eq!(read.units("dm/psi").unwrap(), "sqrt(Msun/kpc^3)");
    assert_eq!(read.units("stars/id").unwrap(), "");
    let psi = read.complex::<f64>("dm/psi", &[2, 3, 4]).unwrap();
    assert_eq!(psi[[1, 2, 3]], Complex::new(1.0 - 0.1, 2.0));
    assert_eq!(
        read.real::<f32>("stars/position", &[1, 3]).unwrap()[[0, 2]],
        3.0
    );
    assert_eq!(read.real::<f64>("time_step", &[]).unwrap()[[]], 0.25);
    assert_eq!(
        read.dataset("stars/id").unwrap(),
        array![7_i64].into_dyn().into()
    );
    assert_eq!(read.attribute("seed").unwrap(), Attribute::Integer(-3));
    assert_eq!(
        read.attribute("boson_mass").unwrap(),
        Attribute::Real(1e-22)
    );
    assert_eq!(
        read.attribute("scheme").unwrap(),
        Attribute::Text("kick-drift-kick".into())
    );
    assert!(matches!(read.attribute("sead"), Err(Error::Attribute { name, .. }) if name == "sead"));
}

#[test]
fn non_finite_numbers_and_negative_zero_survive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot.h5");
    let values = array![f64::NAN, f64::INFINITY, -0.0, f64::MIN_POSITIVE / 8.0].into_dyn();
    writer(&[("x", "", values.clone().into())])
        .write(&path)
        .unwrap();
    let read = Snapshot::open(&path)
        .unwrap()
        .real::<f64>("x", &[4])
        .unwrap();
    assert!(
        read.iter()
            .zip(&values)
            .all(|(a, b)| a.to_bits() == b.to_bits())
    );
}

#[test]
fn a_whole_state_is_written_through_its_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot.h5");
    let state = (array![1.0_f32, 2.0], array![[Complex::new(0.5_f32, -1.0)]]);
    let mut writer = SnapshotWriter::new(header());
    let mut result = Ok(());
    Fields::<f32>::visit(&state, &mut |name, field| {
        if result.is_ok() {
            result = writer.field(&format!("state/{name}"), "", field);
        }
    });
    result.unwrap();
    writer.write(&path).unwrap();
    let read = Snapshot::open(&path).unwrap();
    assert_eq!(
        read.real::<f32>("state/0", &[2]).unwrap(),
        state.0.into_dyn()
    );
    assert_eq!(
        read.complex::<f32>("state/1", &[1, 1]).unwrap(),
        state.1.into_dyn()
    );
}

#[test]
fn a_view_is_written_in_row_major_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot.h5");
    let a = Array::from_shape_fn((3, 2), |(i, j)| (2 * i + j) as f64);
    let mut writer = SnapshotWriter::new(header());
    writer
        .field("t", "", FieldRef::Real(a.t().into_dyn()))
        .unwrap();
    writer.write(&path).unwrap();
    let read = Snapshot::open(&path)
        .unwrap()
        .real::<f64>("t", &[2, 3])
        .unwrap();
    assert_eq!(read, a.t().into_dyn());
}

#[test]
fn wrong_names_kinds_and_shapes_are_errors_that_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot.h5");
    example().write(&path).unwrap();
    let read = Snapshot::open(&path).unwrap();
    let error = read.dataset("dm/phi").unwrap_err();
    assert!(matches!(&error, Error::Missing { name, .. } if name == "dm/phi"));
    assert!(error.to_string().contains("dm/psi, stars/id"), "{error}");
    let error = read.complex::<f32>("dm/psi", &[2, 3, 4]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("dm/psi: holds complex f64, expected complex f32")
    );
    assert!(matches!(
        read.real::<f64>("dm/psi", &[2, 3, 4]),
        Err(Error::Kind { .. })
    ));
    assert!(matches!(
        read.real::<f64>("stars/id", &[1]),
        Err(Error::Kind { .. })
    ));
    let error = read.complex::<f64>("dm/psi", &[4, 3, 2]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("shape [2, 3, 4], expected [4, 3, 2]"),
        "{error}"
    );
}

#[test]
fn impossible_names_are_refused_when_added() {
    let mut writer = example();
    let x: Dataset = array![1.0].into_dyn().into();
    let bad = [
        "",
        "/x",
        "x/",
        "a//b",
        "a/../b",
        ".",
        "x\0y",
        "dm",
        "dm/psi",
        "dm/psi/re",
    ];
    for name in bad {
        let error = writer.dataset(name, "", &x).unwrap_err();
        assert!(
            matches!(&error, Error::Name { name: n, .. } if n == name),
            "{name}: {error}"
        );
    }
    for name in ["", "time", "config", "a\0"] {
        let error = writer.attribute(name, Attribute::Integer(1)).unwrap_err();
        assert!(matches!(error, Error::Name { .. }), "{name}");
    }
}

fn entries(folder: &std::path::Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    names
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_failed_write_leaves_the_previous_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot.h5");
    example().write(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = adastra_io::write_atomically(&path, |file| {
        std::io::Write::write_all(file, b"half").unwrap();
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        Err::<(), _>(Error::Io {
            action: "write",
            path: path.clone(),
            source,
        })
    });
    assert!(matches!(error, Err(Error::Io { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(entries(folder.path()), ["snapshot.h5"]);
    // A successful one replaces it.
    writer(&[]).write(&path).unwrap();
    assert!(Snapshot::open(&path).unwrap().names().is_empty());
    assert_eq!(entries(folder.path()), ["snapshot.h5"]);
}

#[test]
fn a_missing_folder_or_a_folder_in_the_way_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("snapshot.h5");
    let error = example().write(&path).unwrap_err();
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
    let path = folder.path().join("taken");
    std::fs::create_dir(&path).unwrap();
    let error = example().write(&path).unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Io {
                action: "write",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(entries(folder.path()), ["taken"]);
    assert!(Snapshot::open(&path).is_err());
}

#[cfg(unix)]
#[test]
fn the_file_is_as_readable_as_any_other() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshot.h5");
    example().write(&path).unwrap();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    let mode = |p: &std::path::Path| std::fs::metadata(p).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&plain));
}

#[test]
fn kinds_are_named_for_messages() {
    assert_eq!(Kind::real::<f32>().to_string(), "f32");
    assert_eq!(Kind::complex::<f64>().to_string(), "complex f64");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..Default::default() })]

    /// Arrays of any rank and shape come back as they were.
    #[test]
    fn any_shape_round_trips(shape in prop::collection::vec(0..5_usize, 0..5), seed in 0..1000_u32) {
        let count = shape.iter().product::<usize>();
        let value = |i: usize| f64::from(seed) * 0.37 + i as f64;
        let real = ArrayD::from_shape_vec(IxDyn(&shape), (0..count).map(value).collect()).unwrap();
        let complex = real.mapv(|x| Complex::new(x as f32, -x as f32));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snapshot.h5");
        let parts = [("a/b/c", "kpc", real.clone().into()), ("z", "", complex.clone().into())];
        writer(&parts).write(&path).unwrap();
        let read = Snapshot::open(&path).unwrap();
        prop_assert_eq!(read.real::<f64>("a/b/c", &shape).unwrap(), real);
        prop_assert_eq!(read.complex::<f32>("z", &shape).unwrap(), complex);
    }
}
