//! Particles at the edges of the box, and numbers that are none.

mod common;

use adastra_core::{Adjoint, Fields, Operator, State};
use adastra_cuda::{Deposit, Deposits, Matter, ParticleState, Particles, RealArray};
use adastra_grid::Mesh;
use ndarray::{Array1, Array2, Array3};

const SIZE: [f64; 3] = [3.0, 0.3, 7.0];

/// Positions whose wrapping is delicate, in every combination of the axes.
fn delicate<T: adastra_core::Real>() -> Array2<T> {
    let along = |size: f64| {
        let (size, small) = (T::of(size), T::of(1e-30));
        let half = T::of(0.5) * size;
        [
            T::zero(),
            -small,
            small,
            size,
            -size,
            size - size * T::epsilon(),
            T::of(7.25) * size,
            half,
        ]
    };
    let axes = SIZE.map(along);
    Array2::from_shape_fn((512, 3), |(i, d)| axes[d][i / [64, 8, 1][d] % 8])
}

fn compare<T: adastra_core::Real>(allowed: f64) {
    let Some(device) = common::device() else {
        return;
    };
    let mesh = Mesh::new([6, 4, 10], SIZE).unwrap();
    let position = delicate::<T>();
    let mass = Array1::from_shape_fn(512, |i| T::of(1.0 + (i as f64).sin()));
    let host = adastra_particles::Deposit::new(&mesh);
    let (rho, saved) = host.record(&(), (position.clone(), mass.clone())).unwrap();
    let rho_bar = Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
        T::of((0.3 * i as f64 + 0.7 * j as f64 + k as f64).cos())
    });
    let (x_bar, m_bar) = host.vjp(&(), saved, rho_bar.clone(), &mut ()).unwrap();
    for deposits in [Deposits::SameBits, Deposits::Fast] {
        let there = Deposit(Particles::<T>::new(&device, &mesh, deposits));
        let x = (
            RealArray::from_host(&device, position.view()).unwrap(),
            RealArray::from_host(&device, mass.view()).unwrap(),
        );
        let (found, saved) = there.record(&(), x).unwrap();
        let bar = RealArray::from_host(&device, rho_bar.view()).unwrap();
        let (found_x, found_m) = there.vjp(&(), saved, bar, &mut ()).unwrap();
        let close = |found: ndarray::ArrayD<T>, expected: ndarray::ArrayD<T>| {
            let largest = expected.iter().fold(0.0, |a: f64, x| a.max(x.f64().abs()));
            for (found, expected) in found.iter().zip(&expected) {
                let error = (found.f64() - expected.f64()).abs();
                assert!(error <= allowed * largest, "{found} for {expected}");
            }
        };
        close(found.to_host().unwrap(), rho.clone().into_dyn());
        close(found_x.to_host().unwrap(), x_bar.clone().into_dyn());
        close(found_m.to_host().unwrap(), m_bar.clone().into_dyn());
    }
}

#[test]
fn delicate_positions_are_wrapped_as_on_the_cpu() {
    compare::<f64>(1e-13);
    compare::<f32>(1e-5);
}

#[test]
fn a_drift_never_reaches_the_far_edge() {
    let Some(device) = common::device() else {
        return;
    };
    let mesh = Mesh::new([6, 4, 10], SIZE).unwrap();
    let particles = Particles::<f32>::new(&device, &mesh, Deposits::Fast);
    let position = delicate::<f32>();
    let mut x = ParticleState {
        position: RealArray::zeros(&device, &[512, 3]).unwrap(),
        velocity: RealArray::from_host(&device, position.view()).unwrap(),
        mass: RealArray::zeros(&device, &[512]).unwrap(),
    };
    particles.drift(&(), &mut x, 1.0).unwrap();
    let found: Array2<f32> = x.position.to_array().unwrap();
    for row in found.rows() {
        for (x, size) in row.iter().zip(SIZE) {
            assert!(*x >= 0.0 && *x < size as f32, "{x} in {size}");
        }
    }
}

#[test]
fn a_mass_that_is_no_number_shows_in_the_density() {
    let Some(device) = common::device() else {
        return;
    };
    let mesh = Mesh::new([4; 3], [1.0; 3]).unwrap();
    for deposits in [Deposits::SameBits, Deposits::Fast] {
        let there = Deposit(Particles::<f64>::new(&device, &mesh, deposits));
        let mass = Array1::from(vec![1.0, f64::NAN, 1e-310]);
        let x = (
            RealArray::zeros(&device, &[3, 3]).unwrap(),
            RealArray::from_host(&device, mass.view()).unwrap(),
        );
        assert!(there.apply(&(), x).unwrap().non_finite().is_some());
        let none = (
            RealArray::zeros(&device, &[0, 3]).unwrap(),
            RealArray::zeros(&device, &[0]).unwrap(),
        );
        let rho = there.apply(&(), none).unwrap();
        assert_eq!(rho.dot(&rho), 0.0);
    }
}

#[test]
fn a_position_that_is_no_number_writes_nowhere_else() {
    let Some(device) = common::device() else {
        return;
    };
    let mesh = Mesh::new([4; 3], [1.0; 3]).unwrap();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        for deposits in [Deposits::SameBits, Deposits::Fast] {
            let there = Deposit(Particles::<f64>::new(&device, &mesh, deposits));
            let position = Array2::from_elem((3, 3), value);
            let x = (
                RealArray::from_host(&device, position.view()).unwrap(),
                RealArray::from_host(&device, Array1::ones(3).view()).unwrap(),
            );
            there.apply(&(), x).unwrap();
            // The driver of the tests reports writes beyond the end of an array here.
            device.synchronize().unwrap();
        }
    }
}

#[test]
fn the_order_of_particles_does_not_change_a_bit() {
    let Some(device) = common::device() else {
        return;
    };
    let mesh = Mesh::new([4; 3], [1.0; 3]).unwrap();
    let there = Deposit(Particles::<f32>::new(&device, &mesh, Deposits::SameBits));
    let n = 1000;
    let number = |i: usize, d: usize| (0.61803 * (i * 3 + d) as f32).fract();
    let mass = |i: usize| 10f32.powf(8.0 * number(i, 0) - 4.0);
    let deposit = |order: &dyn Fn(usize) -> usize| {
        let position = Array2::from_shape_fn((n, 3), |(i, d)| number(order(i), d));
        let mass = Array1::from_shape_fn(n, |i| mass(order(i)));
        let x = (
            RealArray::from_host(&device, position.view()).unwrap(),
            RealArray::from_host(&device, mass.view()).unwrap(),
        );
        there.apply(&(), x).unwrap().to_host().unwrap()
    };
    assert_eq!(deposit(&|i| i), deposit(&|i| n - 1 - i));
}

#[test]
fn infinity_is_not_finite() {
    let Some(device) = common::device() else {
        return;
    };
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut host = Array1::zeros(5000);
        host[4321] = value;
        let there = RealArray::from_host(&device, host.view()).unwrap();
        assert!(there.non_finite().is_some(), "{value}");
    }
}
