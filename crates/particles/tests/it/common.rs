//! What several tests need.

use adastra_check as check;
use adastra_grid::Mesh;
use adastra_particles::ParticleState;
use ndarray::{Array1, Array2};
use proptest::prelude::*;

/// Meshes whose cells differ from axis to axis in number and size.
pub(crate) fn meshes() -> impl Strategy<Value = Mesh> {
    let halves = prop::array::uniform3(1..5usize);
    (halves, prop::array::uniform3(0.5..3.0f64))
        .prop_map(|(half, size)| Mesh::new(half.map(|n| 2 * n), size).unwrap())
}

/// Positions of `n` particles that keep a distance to the centres of cells, where the derivative
/// jumps. Some lie across the boundary of the box.
pub(crate) fn smooth_positions(
    mesh: &Mesh,
    n: usize,
) -> impl Strategy<Value = Array2<f64>> + use<> {
    let (cells, spacing) = (mesh.cells(), mesh.spacing());
    let cell = check::real((n, 3), 0.0..1.0);
    let within = check::real((n, 3), 0.15..0.85);
    (cell, within).prop_map(move |(cell, within)| {
        Array2::from_shape_fn(cell.dim(), |(i, d)| {
            let cell = (cell[[i, d]] * cells[d] as f64).floor();
            (cell + 0.5 + within[[i, d]]) * spacing[d]
        })
    })
}

/// Positive masses.
pub(crate) fn masses(n: usize) -> impl Strategy<Value = Array1<f64>> {
    check::real(n, 0.5..2.0)
}

/// Particles as in [`smooth_positions`].
pub(crate) fn smooth_particles(
    mesh: &Mesh,
    n: usize,
    speed: f64,
) -> impl Strategy<Value = ParticleState<f64>> + use<> {
    (
        smooth_positions(mesh, n),
        check::normal((n, 3), 0.0, speed),
        masses(n),
    )
        .prop_map(|(position, velocity, mass)| ParticleState {
            position,
            velocity,
            mass,
        })
}
