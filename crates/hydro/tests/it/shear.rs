//! The Kelvin-Helmholtz instability against linear theory.

use std::f64::consts::TAU;

use adastra_gravity::Matter;
use adastra_grid::{Gravity, Mesh};
use adastra_hydro::initial::{Point, kelvin_helmholtz};
use adastra_hydro::{IdealGas, IdealState, Limiter, Scheme};
use num_complex::Complex;

use crate::common::{ideal, ideal_state};

/// The mode of the transverse velocity with two waves along x: the root of its power over y.
fn mode(x: &IdealState<f64>) -> f64 {
    let v = &x.momentum_y / &x.density;
    let (nx, ny, _) = v.dim();
    let power = (0..ny).map(|j| {
        let wave = |i: usize| -2.0 * TAU * (i as f64 + 0.5) / nx as f64;
        let sum: Complex<f64> = (0..nx)
            .map(|i| Complex::from_polar(v[[i, j, 0]], wave(i)))
            .sum();
        sum.norm_sqr()
    });
    power.sum::<f64>().sqrt()
}

/// Two layers as in McNally, Lyra & Passy (2012), with tanh profiles of width 0.04. The linearized
/// compressible equations of this flow (Fourier collocation on 128 points across, all
/// eigenvalues) have two growing modes, odd and even about the middle, at the rates 2.180 and
/// 2.142.
#[test]
fn shear_layers_grow_at_the_linear_rate() {
    let mesh = Mesh::new([48, 96, 2], [1.0, 1.0, 1.0 / 48.0]).unwrap();
    let at = |density: f64, velocity: f64| Point {
        density,
        velocity: [velocity, 0.0, 0.0],
        pressure: 2.5,
    };
    let w = kelvin_helmholtz(&mesh, at(2.0, 0.5), at(1.0, -0.5), 0.04, 1e-4, 2).unwrap();
    let (p, scheme) = (
        ideal(5.0 / 3.0),
        Scheme {
            limiter: Limiter::VanLeer,
            ..Scheme::default()
        },
    );
    let gas = IdealGas::<f64>::new(&mesh, scheme).unwrap();
    let mut x = ideal_state(&mesh, 5.0 / 3.0, w.into());
    let none = Gravity {
        potential: mesh.zeros(),
        acceleration: None,
    };
    let mut time = 0.0;
    let mut amplitudes = Vec::new();
    // The first part of the perturbation leaves as sound.
    for end in [1.2, 2.2] {
        while time < end {
            let limit = gas.limits(&p, &x, &none).unwrap()[0].dt;
            let dt = f64::min(0.9 * limit, end - time);
            gas.drift(&p, &mut x, dt).unwrap();
            time += dt;
        }
        amplitudes.push(mode(&x));
    }
    let rate = (amplitudes[1] / amplitudes[0]).ln();
    // The mesh has 24 cells a wave.
    assert!((rate / 2.16 - 1.0).abs() < 0.08, "{rate} {amplitudes:?}");
}
