//! Deposit, readout and their adjoints, beside a plain loop over the particles.
//!
//! `cargo bench -p adastra-particles`; the medians are what to compare.

use adastra_core::Real;
use adastra_gravity::{Matter, MatterAdjoint};
use adastra_grid::{Gravity, Mesh};
use adastra_particles::{InitialParticles, ParticleState, Particles, Positions, Velocities};
use divan::Bencher;
use ndarray::Array3;

/// Particles and cells per side: the dense set of a cold dark matter run, and a few stars.
const CASES: [(usize, usize); 2] = [(262_144, 128), (64, 64)];

fn main() {
    divan::main();
}

struct Setup<T> {
    particles: Particles,
    state: ParticleState<T>,
    gravity: Gravity<T>,
}

fn setup<T: Real>((count, side): (usize, usize)) -> Setup<T> {
    let mesh = Mesh::new([side; 3], [100.0; 3]).expect("a valid mesh");
    let state = InitialParticles {
        positions: Positions::Uniform { count, seed: 1 },
        velocities: Velocities::Gaussian {
            dispersion: 10.0,
            seed: 1,
        },
        bulk_velocity: [0.0; 3],
        mass: 1e7,
    };
    let field = |phase: usize| {
        Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
            T::of(((3 * i + 5 * j + 7 * k + phase) as f64).sin())
        })
    };
    Setup {
        state: state.generate(&mesh).expect("valid options"),
        gravity: Gravity {
            potential: field(0),
            acceleration: Some([field(1), field(2), field(3)]),
        },
        particles: Particles::new(&mesh),
    }
}

#[divan::bench(types = [f32, f64], args = CASES)]
fn deposit<T: Real>(bencher: Bencher<'_, '_>, case: (usize, usize)) {
    let Setup {
        particles, state, ..
    } = setup::<T>(case);
    let mut rho = particles.mesh().zeros();
    bencher.bench_local(|| particles.deposit(&(), &state, &mut rho));
}

#[divan::bench(types = [f32, f64], args = CASES)]
fn deposit_plain_loop<T: Real>(bencher: Bencher<'_, '_>, case: (usize, usize)) {
    let Setup {
        particles, state, ..
    } = setup::<T>(case);
    let mesh = particles.mesh().clone();
    let mut rho = mesh.zeros();
    bencher.bench_local(|| plain::deposit(&mesh, &state, &mut rho));
}

#[divan::bench(types = [f32, f64], args = CASES)]
fn deposit_vjp<T: Real>(bencher: Bencher<'_, '_>, case: (usize, usize)) {
    let Setup {
        particles,
        state,
        gravity,
    } = setup::<T>(case);
    let mut bar = state.clone();
    bencher
        .bench_local(|| particles.deposit_vjp(&(), &state, &gravity.potential, &mut bar, &mut ()));
}

#[divan::bench(types = [f32, f64], args = CASES)]
fn kick<T: Real>(bencher: Bencher<'_, '_>, case: (usize, usize)) {
    let Setup {
        particles,
        mut state,
        gravity,
    } = setup::<T>(case);
    bencher.bench_local(|| particles.kick(&(), &mut state, &gravity, 1e-3));
}

#[divan::bench(types = [f32, f64], args = CASES)]
fn kick_plain_loop<T: Real>(bencher: Bencher<'_, '_>, case: (usize, usize)) {
    let Setup {
        particles,
        mut state,
        gravity,
    } = setup::<T>(case);
    let mesh = particles.mesh().clone();
    bencher.bench_local(|| plain::kick(&mesh, &mut state, &gravity, T::of(1e-3)));
}

#[divan::bench(types = [f32, f64], args = CASES)]
fn kick_drift<T: Real>(bencher: Bencher<'_, '_>, case: (usize, usize)) {
    let Setup {
        particles,
        mut state,
        gravity,
    } = setup::<T>(case);
    bencher.bench_local(|| particles.kick_drift(&(), &mut state, &gravity, 1e-9, 1e-9));
}

#[divan::bench(types = [f32, f64], args = CASES)]
fn kick_vjp<T: Real>(bencher: Bencher<'_, '_>, case: (usize, usize)) {
    let Setup {
        particles,
        state,
        gravity,
    } = setup::<T>(case);
    let (mut bar, mut gravity_bar) = (state.clone(), gravity.clone());
    bencher.bench_local(|| {
        particles.kick_vjp(
            &(),
            &state,
            &gravity,
            1e-9,
            &mut bar,
            &mut gravity_bar,
            &mut (),
        )
    });
}

/// What one would write first.
mod plain {
    use super::*;

    fn weights<T: Real>(mesh: &Mesh, x: [T; 3]) -> ([[usize; 2]; 3], [[T; 2]; 3]) {
        let (cells, spacing) = (mesh.cells(), mesh.spacing());
        let mut index = [[0; 2]; 3];
        let mut share = [[T::zero(); 2]; 3];
        for d in 0..3 {
            let s = x[d] / T::of(spacing[d]) - T::of(0.5);
            let i = s.floor();
            let n = cells[d] as i64;
            let lower = i.f64() as i64;
            index[d] = [
                lower.rem_euclid(n) as usize,
                (lower + 1).rem_euclid(n) as usize,
            ];
            share[d] = [T::one() - (s - i), s - i];
        }
        (index, share)
    }

    fn corners<T: Real>(mesh: &Mesh, x: [T; 3], mut f: impl FnMut([usize; 3], T)) {
        let (index, share) = weights(mesh, x);
        for a in 0..2 {
            for b in 0..2 {
                for c in 0..2 {
                    let cell = [index[0][a], index[1][b], index[2][c]];
                    f(cell, share[0][a] * share[1][b] * share[2][c]);
                }
            }
        }
    }

    fn at<T: Real>(x: &ParticleState<T>, i: usize) -> [T; 3] {
        [0, 1, 2].map(|d| x.position[[i, d]])
    }

    pub(super) fn deposit<T: Real>(mesh: &Mesh, x: &ParticleState<T>, rho: &mut Array3<T>) {
        let per_volume = T::of(1.0 / mesh.cell_volume());
        for i in 0..x.len() {
            corners(mesh, at(x, i), |cell, w| {
                rho[cell] += w * x.mass[i] * per_volume
            });
        }
    }

    pub(super) fn kick<T: Real>(
        mesh: &Mesh,
        x: &mut ParticleState<T>,
        gravity: &Gravity<T>,
        dt: T,
    ) {
        let Some(acceleration) = &gravity.acceleration else {
            return;
        };
        for i in 0..x.len() {
            let mut a = [T::zero(); 3];
            corners(mesh, at(x, i), |cell, w| {
                for d in 0..3 {
                    a[d] += w * acceleration[d][cell];
                }
            });
            for d in 0..3 {
                x.velocity[[i, d]] += dt * a[d];
            }
        }
    }
}
