//! Arrays of a device as states.

mod common;

use adastra_core::{FieldMut, Fields, State};
use adastra_cuda::{ComplexArray, CudaError, Device, RealArray};
use ndarray::{Array1, Array3, array};
use num_complex::Complex;

use common::device;

#[test]
fn arrays_come_back_as_they_went() {
    let Some(device) = device() else { return };
    let host = Array3::from_shape_fn((2, 3, 4), |(i, j, k)| (100 * i + 10 * j + k) as f32);
    // Not in C order.
    let turned = host.view().reversed_axes();
    let there = RealArray::from_host(&device, turned).unwrap();
    assert_eq!(there.shape(), [4, 3, 2]);
    let back: Array3<f32> = there.to_array().unwrap();
    assert_eq!(back, turned);
    assert!(there.to_array::<ndarray::Ix1>().is_err());
    let empty = RealArray::<f64>::zeros(&device, &[0, 3]).unwrap();
    assert!(empty.is_empty() && empty.to_host().unwrap().is_empty());
    assert_eq!(empty.dot(&empty), 0.0);
}

#[test]
fn arrays_are_states() {
    let Some(device) = device() else { return };
    let n = 10_000;
    let x = Array1::from_shape_fn(n, |i| Complex::new((i as f64).sin(), 0.1 * i as f64));
    let y = Array1::from_shape_fn(n, |i| Complex::new(0.5, (0.3 * i as f64).cos()));
    let dx = ComplexArray::<f64>::from_host(&device, x.view()).unwrap();
    let mut dy = ComplexArray::<f64>::from_host(&device, y.view()).unwrap();
    assert!((dx.dot(&dy) / x.dot(&y) - 1.0).abs() < 1e-14);
    let (mut expected, copy) = (y.clone(), dy.clone());
    expected.axpy(-0.25, &x);
    dy.axpy(-0.25, &dx);
    let found: Array1<Complex<f64>> = dy.to_array().unwrap();
    let mut difference = found.clone();
    difference.axpy(-1.0, &expected);
    assert!(difference.dot(&difference) < 1e-24 * expected.dot(&expected));
    // The copy is one, and zeros are zeros in memory that was used before.
    assert_eq!(copy.to_array::<ndarray::Ix1>().unwrap(), y);
    drop(copy);
    let zeros = dy.zeros_like();
    assert_eq!(zeros.dot(&zeros), 0.0);
    // The same bits again.
    assert_eq!(dx.dot(&dy).to_bits(), dx.dot(&dy).to_bits());
}

#[test]
fn fields_show_a_copy_and_take_changes() {
    let Some(device) = device() else { return };
    let mut x = RealArray::from_host(&device, array![1.0f32, 2.0, 3.0].view()).unwrap();
    assert_eq!((x.bytes(), x.non_finite()), (12, None));
    x.visit_mut(&mut |name, field| {
        assert_eq!(name, "");
        let FieldMut::Real(mut field) = field else {
            panic!("real numbers")
        };
        field[1] = f32::NAN;
    });
    assert_eq!(x.non_finite(), Some(String::new()));
    let found: Array1<f32> = x.to_array().unwrap();
    assert!(found[0] == 1.0 && found[1].is_nan() && found[2] == 3.0);
}

#[test]
fn arrays_of_two_openings_do_not_meet() {
    let (Some(one), Some(two)) = (device(), device()) else {
        return;
    };
    let x = RealArray::<f32>::zeros(&one, &[4]).unwrap();
    let y = RealArray::<f32>::zeros(&two, &[4]).unwrap();
    assert_eq!(x.try_dot(&y), Err(CudaError::TwoDevices));
    assert!(x.dot(&y).is_nan());
    assert_eq!(one.check(), Err(CudaError::TwoDevices));
}

#[test]
fn a_wrong_number_of_a_device_names_the_allowed_ones() {
    let Some(_) = device() else { return };
    let error = Device::open(7).unwrap_err();
    assert_eq!(
        error,
        CudaError::WrongDevice {
            ordinal: 7,
            found: 2
        }
    );
}
