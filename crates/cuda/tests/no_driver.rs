//! A machine without a driver.

use adastra_cuda::{CudaError, Device, Libraries, SelfTest};

#[test]
fn without_a_driver_the_cpu_is_offered() {
    let places = Libraries {
        driver: vec!["/nowhere/libcuda.so.1".into()],
        fft: Vec::new(),
    };
    places.install();
    let error = Device::open(0).unwrap_err();
    assert!(matches!(error, CudaError::NoDriver { .. }), "{error:?}");
    let text = error.to_string();
    for part in [
        "no NVIDIA driver found",
        "/nowhere/libcuda.so.1",
        "or run on the CPU: device = \"cpu\"",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let error = SelfTest::default().run(0, &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), format!("cuda: {text}"));
}
