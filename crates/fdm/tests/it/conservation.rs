//! What a run conserves, for how long, and on how many threads.

use adastra_core::{Operator, Reversible};
use adastra_fdm::{Energies, WaveParams, WaveState};
use adastra_gravity::Background;
use adastra_grid::Mesh;

use crate::common::{Run, distance, loss, reversing, smooth_wave, storing, system};

fn mesh() -> Mesh {
    Mesh::new([16; 3], [10.0; 3]).unwrap()
}

#[test]
fn mass_momentum_and_energy_over_a_thousand_steps() {
    // Gravity nearly overcomes the quantum pressure of the longest wave, 1e7 Msun/kpc^3 would:
    // all energies count, and nothing collapses below the size of a cell.
    let mesh = Mesh::new([16; 3], [5.0; 3]).unwrap();
    let system = system::<f64>(&mesh);
    let wave = system.matter();
    for coupling in [0.0, -10.0] {
        let p = (
            WaveParams {
                mass: 1.0,
                coupling,
            },
            Background::none(),
        );
        let energies = |x: &WaveState<f64>| -> Energies {
            let gravity = system.gravity(&p.0, &p.1, x, 1.0).unwrap();
            wave.energies(&p.0, x, &gravity.potential, None).unwrap()
        };
        let mut x = smooth_wave(&mesh, 3e6);
        let start = energies(&x);
        let run = storing(&system, &[0.001; 50]);
        let scale = start.kinetic + start.potential.abs();
        let mut worst = 0.0f64;
        for _ in 0..20 {
            x = run.apply(&p, x).unwrap();
            let now = energies(&x);
            assert!(
                (now.mass / start.mass - 1.0).abs() < 1e-13,
                "{now:?} {start:?}"
            );
            worst = worst.max((now.total() - start.total()).abs() / scale);
            for (now, then) in now.momentum.iter().zip(start.momentum) {
                let speed = (2.0 * start.kinetic * start.mass).sqrt();
                assert!((now - then).abs() < 1e-8 * speed, "{now:?} {then:?}");
            }
        }
        assert!(worst < 1e-4, "coupling {coupling}: {worst:e}");
    }
}

#[test]
fn three_hundred_steps_back_and_forth() {
    let system = system::<f64>(&mesh());
    let params = WaveParams {
        mass: 1.0,
        coupling: 0.5,
    };
    let p = (params, Background::none());
    let dt = [0.001; 300];
    // Gravity amplifies the rounding of the way back by its growing modes: none at the lower
    // density, some orders of magnitude at the higher one, where anchors reset it.
    for (density, anchors) in [(1e6, 0), (1e7, 9)] {
        let x = smooth_wave(&mesh(), density);
        let gradient = |run: Run<f64>| {
            run.value_and_gradient(&p, x.clone(), |y| Ok(loss(&mesh(), y)))
                .unwrap()
        };
        let stored = gradient(storing(&system, &dt));
        let reversed = gradient(reversing(&system, &dt, anchors));
        let difference = distance(&reversed.x_bar.psi, &stored.x_bar.psi);
        assert!(difference < 1e-10, "{density:e}: {difference:e}");
        let (a, b) = (reversed.p_bar.0, stored.p_bar.0);
        assert!((a.mass / b.mass - 1.0).abs() < 1e-10, "{a:?} {b:?}");
        assert!((a.coupling / b.coupling - 1.0).abs() < 1e-10, "{a:?} {b:?}");

        let run = reversing(&system, &dt, 0);
        let there = run.apply(&p, x.clone()).unwrap();
        let back = run.invert(&p, there).unwrap();
        let difference = distance(&back.psi, &x.psi);
        assert!(difference < 1e-8, "{density:e}: {difference:e}");
    }
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let found = [1, 2, 5].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let system = system::<f64>(&mesh());
            let p = (
                WaveParams {
                    mass: 1.0,
                    coupling: 0.5,
                },
                Background::none(),
            );
            let x = smooth_wave(&mesh(), 3e8);
            let run = reversing(&system, &[0.001; 5], 0);
            let gradient = run
                .value_and_gradient(&p, x, |y| Ok(loss(&mesh(), y)))
                .unwrap();
            let y = run.apply(&p, smooth_wave(&mesh(), 3e8)).unwrap();
            let gravity = system.gravity(&p.0, &p.1, &y, 1.0).unwrap();
            let energies = system
                .matter()
                .energies(&p.0, &y, &gravity.potential, None)
                .unwrap();
            let p_bar = gradient.p_bar.0;
            (
                gradient.value.to_bits(),
                gradient.x_bar.psi,
                p_bar,
                y.psi,
                energies,
            )
        })
    });
    assert!(found[0] == found[1] && found[0] == found[2]);
}
