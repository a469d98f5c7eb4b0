//! The adjoint of the step against difference quotients.

use std::sync::Arc;

use adastra_check as check;
use adastra_grid::Mesh;
use adastra_hydro::{Drift, Flux, IdealGas, IsothermalGas, Limiter, Scheme};
use ndarray::Array3;
use proptest::prelude::*;

use crate::common::{ideal, ideal_state, isothermal, isothermal_state};

/// Primitive fields: random amplitudes of order one, on a mesh where no row fills a register.
pub(crate) fn fields(mesh: &Mesh, count: usize) -> impl Strategy<Value = Vec<Array3<f64>>> {
    let shape = mesh.shape();
    let velocity = || check::normal(shape, 0.3, 0.6);
    let all = (
        check::real(shape, 0.7..1.8),
        velocity(),
        velocity(),
        velocity(),
        check::real(shape, 0.8..1.9),
    );
    all.prop_map(move |(rho, x, y, z, p)| {
        let mut all = vec![rho, x, y, z, p];
        all.truncate(count);
        all
    })
}

pub(crate) fn schemes() -> impl Iterator<Item = Scheme> {
    Flux::ALL.into_iter().flat_map(|flux| {
        Limiter::ALL.into_iter().map(move |limiter| Scheme {
            flux,
            limiter,
            ..Scheme::default()
        })
    })
}

/// Kinks are everywhere in a random state: differences small enough to miss them all.
pub(crate) fn property() -> check::Property {
    let tolerances = check::Tolerances {
        step: 1e-7,
        difference: 1e-5,
        ..check::Tolerances::default()
    };
    check::Property {
        cases: 4,
        tolerances,
    }
}

#[test]
fn isothermal_steps() {
    let mesh = Mesh::new([4, 6, 10], [1.0, 1.2, 2.5]).unwrap();
    for scheme in schemes() {
        let gas = Arc::new(IsothermalGas::<f64>::new(&mesh, scheme).unwrap());
        let inputs = (0.7..1.5, fields(&mesh, 4));
        property().adjoint_of(inputs, |(c, w)| {
            let x = isothermal_state(&mesh, w);
            (Drift::new(&gas, 0.02), isothermal(c), x)
        });
    }
}

#[test]
fn ideal_steps() {
    let mesh = Mesh::new([4, 6, 10], [1.0, 1.2, 2.5]).unwrap();
    for scheme in schemes() {
        let gas = Arc::new(IdealGas::<f64>::new(&mesh, scheme).unwrap());
        let inputs = (1.2..1.8, fields(&mesh, 5));
        property().adjoint_of(inputs, |(gamma, w)| {
            let x = ideal_state(&mesh, gamma, w);
            (Drift::new(&gas, 0.02), ideal(gamma), x)
        });
    }
}
