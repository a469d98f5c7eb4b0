//! The sponge's kernels on a driver without a device.

use std::io::Write;
use std::path::Path;

use adastra_check::{Tolerances, check_adjoint_at};
use adastra_core::Operator;
use adastra_cuda::fake::{FakeError, install};
use adastra_cuda::{ComplexArray, Device, RealArray};
use adastra_plugin_device_sponge::Sponge;
use ndarray::Array1;
use num_complex::Complex;

#[test]
fn the_sponge_damps_and_has_its_gradient() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    match install(folder, &[include_str!("../kernels/sponge.cu")]) {
        Ok(_) => {}
        Err(error @ FakeError::NoCompiler) => {
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED, the kernel of the sponge: {error}"
            );
            return;
        }
        Err(error) => panic!("{error}"),
    }
    let device = Device::open(0).unwrap();
    let (n, dt) = (1000, 0.5);
    let rate = Array1::from_shape_fn(n, |i| 1.0 + (i as f64).sin());
    let psi = Array1::from_shape_fn(n, |i| Complex::new((0.1 * i as f64).cos(), 0.3));
    let s = RealArray::from_host(&device, rate.view()).unwrap();
    let x = ComplexArray::from_host(&device, psi.view()).unwrap();
    let sponge = Sponge::new::<f64>(&device, dt).unwrap();
    let found = sponge.apply(&s, x.clone()).unwrap();
    for (i, found) in found.to_host().unwrap().iter().enumerate() {
        let expected = psi[i] * (-dt * rate[i]).exp();
        assert!((found - expected).norm() < 1e-15, "{found} for {expected}");
    }
    check_adjoint_at(&sponge, &s, &x, 1, &Tolerances::default()).unwrap();

    let single = Sponge::new::<f32>(&device, dt).unwrap();
    let s32 = RealArray::from_host(&device, rate.mapv(|s| s as f32).view()).unwrap();
    let psi32 = psi.mapv(|z| Complex::new(z.re as f32, z.im as f32));
    let x32 = ComplexArray::from_host(&device, psi32.view()).unwrap();
    let found = single.apply(&s32, x32).unwrap();
    for (i, found) in found.to_host().unwrap().iter().enumerate() {
        let expected = psi32[i] * (-0.5 * rate[i] as f32).exp();
        assert!((found - expected).norm() < 1e-6, "{found} for {expected}");
    }
    let short = RealArray::zeros(&device, &[7]).unwrap();
    let error = sponge.apply(&short, x).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rate of a sponge: shape [7], expected [1000]"
    );
}
