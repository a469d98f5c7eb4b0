//! States, fields and their names.

mod common;

use adastra_core::{FieldMut, Fields, State};
use common::{Pendulums, start};
use ndarray::{Array1, Array2, array};
use num_complex::Complex;

fn names<T: adastra_core::Real>(x: &impl Fields<T>) -> Vec<String> {
    let mut names = Vec::new();
    x.visit(&mut |name, _| names.push(name.to_owned()));
    names
}

#[test]
fn nested_names_are_joined_by_dots() {
    let (_, x) = start::<f64>();
    assert_eq!(names(&x), ["q", "v"]);
    assert_eq!(names(&(1.0, x.clone())), ["0", "1.q", "1.v"]);
    assert_eq!(names(&vec![x.clone(), x]), ["0.q", "0.v", "1.q", "1.v"]);
    assert_eq!(names::<f64>(&()), Vec::<String>::new());
    assert_eq!(names(&array![1.0_f32]), [""]);
}

#[test]
fn the_inner_product_of_complex_arrays_is_real() {
    let a: Array1<Complex<f64>> = array![Complex::new(1.0, 2.0), Complex::new(0.0, -1.0)];
    let b = array![Complex::new(3.0, -1.0), Complex::new(5.0, 4.0)];
    let expected: f64 = a.iter().zip(&b).map(|(a, b)| (a.conj() * b).re).sum();
    assert_eq!(State::<f64>::dot(&a, &b), expected);
    let mut c = a.clone();
    State::<f64>::axpy(&mut c, 2.0, &b);
    assert_eq!(c[1], Complex::new(10.0, 7.0));
}

#[test]
fn the_inner_product_does_not_depend_on_the_memory_layout() {
    let a = Array2::from_shape_fn((70, 90), |(i, j)| (i as f64 - 0.3 * j as f64).sin());
    let b = Array2::from_shape_fn((70, 90), |(i, j)| (0.7 * i as f64 + j as f64).cos());
    let mut fortran = Array2::zeros(ndarray::ShapeBuilder::f((70, 90)));
    fortran.assign(&a);
    let (c, f) = (State::<f64>::dot(&a, &b), State::<f64>::dot(&fortran, &b));
    assert!((c - f).abs() < 1e-11);
    assert_eq!(State::<f64>::dot(&b, &a), c);
}

#[test]
fn sizes_and_bad_numbers_are_found() {
    let (_, mut x) = start::<f32>();
    assert_eq!(x.bytes(), 2 * 4 * 4);
    assert_eq!(x.non_finite(), None);
    x.v[2] = f32::INFINITY;
    assert_eq!(x.non_finite().as_deref(), Some("v"));
    x.q[0] = f32::NAN;
    assert_eq!(x.non_finite().as_deref(), Some("q"));
    let z: Array2<Complex<f64>> = Array2::zeros((3, 5));
    assert_eq!(z.bytes(), 240);
}

#[test]
fn visited_fields_can_be_written() {
    let (_, mut x) = start::<f64>();
    x.visit_mut(&mut |name, field| {
        if let ("v", FieldMut::Real(mut a)) = (name, field) {
            a.fill(7.0);
        }
    });
    let Pendulums { q, v } = x;
    assert_eq!((q[0], v), (0.3, array![7.0, 7.0, 7.0, 7.0]));
    let mut scalar = 1.0_f64;
    scalar.visit_mut(&mut |_, field| {
        if let FieldMut::Real(mut a) = field {
            a.fill(2.0);
        }
    });
    assert_eq!(scalar, 2.0);
}

#[test]
#[should_panic(expected = "different shapes")]
fn adding_arrays_of_different_shapes_panics() {
    let mut a: Array1<f64> = Array1::zeros(3);
    State::<f64>::axpy(&mut a, 1.0, &Array1::zeros(1));
}
