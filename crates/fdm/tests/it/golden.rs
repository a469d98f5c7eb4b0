//! An independent code's wave function, potential, velocity and gradient: `../data/README.md`.

use crate::common::{
    distance, golden, loss, real_distance, reversing, smooth_wave, storing, system,
};
use adastra_core::{Evolve, Operator, Schedule, Storage};
use adastra_fdm::WaveParams;
use adastra_gravity::{Background, Element, Leapfrog, elements};
use adastra_grid::Mesh;
use ndarray::{Array3, Array4, Axis};
use num_complex::Complex;

const DT: f64 = 8.5e-4;
const LOSS: f64 = 0.240_728_495_189_104_66;

fn mesh() -> Mesh {
    Mesh::new([32; 3], [10.0; 3]).unwrap()
}

fn parameters() -> crate::common::Parameters<f64> {
    (WaveParams::free(1.0), Background::none())
}

#[test]
fn initial_wave_and_potential() {
    let system = system(&mesh());
    let x = smooth_wave(&mesh(), 1e7);
    let plane: Array3<Complex<f64>> = golden("psi_initial_planes.npy");
    assert!(distance(x.psi.index_axis(Axis(0), 5), &plane) < 1e-14);
    let p = parameters();
    let gravity = system.gravity(&p.0, &p.1, &x, 1.0).unwrap();
    let potential: Array3<f64> = golden("potential_initial.npy");
    let difference = real_distance(&gravity.potential, &potential);
    assert!(difference < 1e-12, "{difference:e}");
}

#[test]
fn one_step() {
    let system = system(&mesh());
    let mut x = smooth_wave(&mesh(), 1e7);
    for motion in elements(&[DT], |_| 1.0) {
        x = Element::new(&system, motion)
            .apply(&parameters(), x)
            .unwrap();
    }
    let expected: Array3<Complex<f64>> = golden("psi_step1_planes.npy");
    let difference = distance(&x.psi.select(Axis(0), &[0, 9, 17, 30]), &expected);
    assert!(difference < 1e-12, "{difference:e}");
}

#[test]
fn twenty_steps() {
    let system = system(&mesh());
    let x = storing(&system, &[DT; 20])
        .apply(&parameters(), smooth_wave(&mesh(), 1e7))
        .unwrap();
    let expected: Array3<Complex<f64>> = golden("psi_final.npy");
    let difference = distance(&x.psi, &expected);
    assert!(difference < 1e-11, "{difference:e}");

    let velocity = system.matter().velocity(&parameters().0, &x).unwrap();
    let expected: Array4<f64> = golden("velocity_final_planes.npy");
    for (found, expected) in velocity.iter().zip(expected.outer_iter()) {
        let difference = real_distance(&found.select(Axis(0), &[3, 20]), expected);
        assert!(difference < 1e-10, "{difference:e}");
    }
}

#[test]
fn loss_and_gradient_of_every_schedule() {
    let system = system(&mesh());
    let dt = [DT; 20];
    let x = smooth_wave(&mesh(), 1e7);
    let bytes = 16 * x.psi.len();
    let checkpoints = Schedule::Checkpoint {
        budget_bytes: 3 * bytes,
        storage: Storage::Memory,
    };
    let runs = [
        storing(&system, &dt),
        Evolve::new(Leapfrog::new(system.clone(), &dt), checkpoints),
        reversing(&system, &dt, 0),
        reversing(&system, &dt, 2),
    ];
    let expected: Array3<Complex<f64>> = golden("gradient.npy");
    let mut found = Vec::new();
    for run in runs {
        let p = parameters();
        let gradient = run
            .value_and_gradient(&p, x.clone(), |y| Ok(loss(&mesh(), y)))
            .unwrap();
        assert!(
            (gradient.value / LOSS - 1.0).abs() < 1e-12,
            "{}",
            gradient.value
        );
        let difference = distance(&gradient.x_bar.psi, &expected);
        assert!(difference < 1e-10, "{run:?}: {difference:e}");
        found.push(gradient);
    }
    assert_eq!(found[0].x_bar.psi, found[1].x_bar.psi);
    assert_eq!(found[0].p_bar.0, found[1].p_bar.0);
    for reversed in &found[2..] {
        let (a, b) = (&reversed.p_bar.0, &found[0].p_bar.0);
        assert!((a.mass / b.mass - 1.0).abs() < 1e-9, "{a:?} {b:?}");
        assert!((a.coupling / b.coupling - 1.0).abs() < 1e-9, "{a:?} {b:?}");
    }
}
