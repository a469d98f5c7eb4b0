//! Every operator of the device, on the driver without one.

mod common;

use adastra_cuda::{SelfTest, conformance};

#[test]
fn every_operator_agrees_with_its_twin() {
    let Some(device) = common::device() else {
        return;
    };
    let compared = conformance(&device).unwrap();
    assert!(compared.len() > 40, "{} comparisons", compared.len());
    for found in &compared {
        assert!(found.holds(), "{found:?}");
    }
    device.synchronize().unwrap();
}

#[test]
fn the_self_test_prints_its_results() {
    if common::fake().is_none() {
        return;
    }
    let test = SelfTest {
        meshes: vec![8],
        bytes: 1 << 10,
        steps: 2,
    };
    let mut out = Vec::new();
    test.run(1, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    for part in [
        "cuda:1 (Fake device)",
        "ok    potential in f32",
        "bandwidth: copy",
        "8^3 f64: complex transforms",
        "8^3 f32: wave dark matter",
        "8^3 f32: value and gradient",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}
