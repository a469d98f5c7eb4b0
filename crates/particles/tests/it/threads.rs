//! The same bits for any number of threads.

use adastra_core::{Adjoint, Operator, State};
use adastra_gravity::{MatterAdjoint, MatterReversible};
use adastra_grid::{Gravity, Mesh};
use adastra_particles::{
    Deposit, InitialParticles, ParticleState, Particles, Positions, Readout, Velocities,
};
use ndarray::{Array1, Array2, Array3};

fn results() -> (
    Array3<f32>,
    Array1<f32>,
    Array3<f32>,
    Array2<f32>,
    [Array3<f32>; 3],
    ParticleState<f32>,
) {
    let mesh = Mesh::new([16, 8, 12], [1.0, 0.7, 2.0]).unwrap();
    let initial = InitialParticles {
        positions: Positions::Uniform {
            count: 40_000,
            seed: 3,
        },
        velocities: Velocities::Gaussian {
            dispersion: 1.0,
            seed: 3,
        },
        bulk_velocity: [0.1, 0.0, 0.0],
        mass: 1.7,
    };
    let mut x = initial.generate::<f32>(&mesh).unwrap();
    let rho = Deposit::new(&mesh)
        .apply(&(), (x.position.clone(), x.mass.clone()))
        .unwrap();
    let readout = Readout::new(&mesh);
    let (values, saved) = readout
        .record(&(), (rho.clone(), x.position.clone()))
        .unwrap();
    let (field_bar, position_bar) = readout.vjp(&(), saved, values.clone(), &mut ()).unwrap();

    let gravity = |scale: f32| Gravity {
        potential: rho.clone(),
        acceleration: Some([&rho * scale, &field_bar * scale, &rho * -scale]),
    };
    let (mut x_bar, mut gravity_bar) = (x.clone(), gravity(0.1));
    let particles = Particles::new(&mesh);
    let g = gravity(1e-5);
    particles
        .deposit_vjp(&(), &x, &rho, &mut x_bar, &mut ())
        .unwrap();
    particles
        .unkick_vjp(&(), &mut x, &g, 0.3, &mut x_bar, &mut gravity_bar, &mut ())
        .unwrap();
    x_bar.axpy(1.0, &x);
    (
        rho,
        values,
        field_bar,
        position_bar,
        gravity_bar.acceleration.unwrap(),
        x_bar,
    )
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(results)
    };
    let one = with(1);
    for threads in [2, 3, 8] {
        assert_eq!(one, with(threads));
    }
}
