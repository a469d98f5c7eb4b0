//! A machine with a driver and without cuFFT.

mod common;

use adastra_cuda::{CudaError, Libraries, Poisson, RealArray};
use adastra_grid::Mesh;

#[test]
fn without_cufft_arrays_work_and_transforms_say_what_is_missing() {
    let Some(device) = common::device() else {
        return;
    };
    let places = Libraries {
        driver: Vec::new(),
        fft: vec!["/nowhere/libcufft.so.12".into()],
    };
    places.install();
    let x = RealArray::<f32>::zeros(&device, &[5]).unwrap();
    assert_eq!(x.try_dot(&x), Ok(0.0));
    let mesh = Mesh::new([4; 3], [1.0; 3]).unwrap();
    let Err(error) = Poisson::<f32>::new(&device, &mesh, 1.0) else {
        panic!("there is no cuFFT");
    };
    assert!(matches!(error, CudaError::NoFft { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("/nowhere/libcufft.so.12") && text.contains("or run on the CPU"));
}
