//! An independent code's step: `../data/README.md`.

use std::sync::Arc;

use adastra_core::Operator;
use adastra_grid::Mesh;
use adastra_hydro::{Drift, Flux, IsothermalGas, Limiter, Scheme};
use ndarray::{Array4, Axis};

use crate::common::{distance, isothermal, isothermal_state, smooth};

#[test]
fn one_step() {
    let mesh = Mesh::new([32; 3], [10.0; 3]).unwrap();
    let scheme = Scheme {
        flux: Flux::LaxFriedrichs,
        limiter: Limiter::Jaxion,
        ..Scheme::default()
    };
    let gas = Arc::new(IsothermalGas::<f64>::new(&mesh, scheme).unwrap());
    let start = isothermal_state(&mesh, smooth(&mesh, 0.15e7));
    let end = Drift::new(&gas, 8.5e-4)
        .apply(&isothermal(20.0), start)
        .unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/step_planes.npy");
    let expected: Array4<f64> = ndarray_npy::read_npy(path).unwrap();
    let velocities = [&end.momentum_x, &end.momentum_y, &end.momentum_z];
    let mut found = vec![end.density.clone()];
    found.extend(velocities.map(|m| m / &end.density));
    for (found, expected) in found.iter().zip(expected.outer_iter()) {
        let found = found.select(Axis(0), &[0, 9, 17, 31]);
        let difference = distance(&found, expected);
        assert!(difference < 1e-12, "{difference:e}");
    }
    assert_eq!(gas.repairs(), Default::default());
}
