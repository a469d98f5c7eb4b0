//! Absorbing boundaries.

use std::sync::Arc;

use adastra_core::{Evolve, Operator, Schedule};
use adastra_fdm::{
    AbsorberParams, AbsorbingWave, FdmError, GaussianPacket, M_PER_HBAR_22, Wave, WaveParams,
    WaveState, sponge, uniform, wave_packet,
};
use adastra_gravity::{Background, Leapfrog, Matter, SelfGravity};
use adastra_grid::Mesh;
use ndarray::Array3;

use crate::common::{distance, smooth_wave};

fn mass(mesh: &Mesh, x: &WaveState<f64>) -> f64 {
    x.psi.iter().map(|z| z.norm_sqr()).sum::<f64>() * mesh.cell_volume()
}

fn absorber(strength: f64) -> AbsorberParams<f64> {
    AbsorberParams {
        wave: WaveParams::free(1.0),
        strength,
    }
}

#[test]
fn a_uniform_absorber_decays_exponentially() {
    let mesh = Mesh::new([4; 3], [1.0; 3]).unwrap();
    let matter = AbsorbingWave::new(&mesh, Array3::from_elem(mesh.shape(), 0.5)).unwrap();
    let mut x = uniform(&mesh, 10.0).unwrap();
    for _ in 0..4 {
        matter.drift(&absorber(60.0), &mut x, 0.05).unwrap();
    }
    let expected = 10.0 * (-2.0 * M_PER_HBAR_22 * 60.0 * 0.5 * 0.2f64).exp();
    assert!((mass(&mesh, &x) / expected - 1.0).abs() < 1e-12);
}

#[test]
fn a_sponge_swallows_what_leaves_and_leaves_the_middle_alone() {
    let mesh = Mesh::new([48, 24, 24], [24.0, 12.0, 12.0]).unwrap();
    let profile: Array3<f64> = sponge(&mesh, 8.5, 0.6).unwrap();
    assert!(profile[[24, 12, 12]] < 1e-10 && profile[[0, 12, 12]] > 0.99);
    let packet = GaussianPacket {
        peak_density: 1e5,
        width: 1.2,
        centre: [12.0, 6.0, 6.0],
        velocity: [30.0, 0.0, 0.0],
    };
    let start = wave_packet(&mesh, 2.0, &packet).unwrap();
    let p = AbsorberParams {
        wave: WaveParams::free(2.0),
        strength: 300.0,
    };
    let absorbing = AbsorbingWave::new(&mesh, profile).unwrap();
    let wave = Wave::<f64>::new(&mesh);
    let (mut x, mut free) = (start.clone(), start.clone());
    for step in 0..60 {
        absorbing.drift(&p, &mut x, 0.01).unwrap();
        wave.drift(&p.wave, &mut free, 0.01).unwrap();
        if step == 11 {
            // The bulk has moved 3.6 kpc and not met the sponge.
            assert!(mass(&mesh, &x) > 0.99 * mass(&mesh, &start));
        }
    }
    // 18 kpc later it would be back from the other side; next to nothing was reflected.
    assert!((mass(&mesh, &free) / mass(&mesh, &start) - 1.0).abs() < 1e-12);
    let left = mass(&mesh, &x) / mass(&mesh, &start);
    assert!(left < 1e-3, "{left}");
}

#[test]
fn second_order_with_gravity() {
    let mesh = Mesh::new([16; 3], [10.0; 3]).unwrap();
    let profile = sponge(&mesh, 4.0, 0.8).unwrap();
    let matter = AbsorbingWave::<f64>::new(&mesh, profile).unwrap();
    let system = Arc::new(SelfGravity::new(&mesh, matter));
    let p = (absorber(400.0), Background::none());
    let end = |steps: usize| {
        let leapfrog = Leapfrog::new(system.clone(), &vec![0.02 / steps as f64; steps]);
        let run = Evolve::new(leapfrog, Schedule::StoreAll);
        run.apply(&p, smooth_wave(&mesh, 1e8)).unwrap().psi
    };
    let exact = end(640);
    let errors = [10, 20, 40].map(|steps| distance(&end(steps), &exact));
    for pair in errors.windows(2) {
        let order = (pair[0] / pair[1]).log2();
        assert!((order - 2.0).abs() < 0.1, "order {order} of {errors:?}");
    }
}

#[test]
fn bad_absorbers_are_refused() {
    let mesh = Mesh::new([4; 3], [1.0; 3]).unwrap();
    let wrong = AbsorbingWave::<f64>::new(&mesh, Array3::zeros((4, 4, 2))).unwrap_err();
    assert!(
        matches!(
            wrong,
            FdmError::Shape {
                name: "absorber profile",
                ..
            }
        ),
        "{wrong}"
    );
    let mut profile = Array3::zeros((4, 4, 4));
    for bad in [-1.0, f64::NAN] {
        profile[[1, 2, 3]] = bad;
        let error = AbsorbingWave::new(&mesh, profile.clone()).unwrap_err();
        assert!(
            matches!(
                error,
                FdmError::Range {
                    name: "absorber profile",
                    ..
                }
            ),
            "{error}"
        );
    }
    for (radius, width, name) in [(0.0, 1.0, "sponge radius"), (1.0, f64::NAN, "sponge width")] {
        let error = sponge::<f32>(&mesh, radius, width).unwrap_err();
        assert!(error.to_string().starts_with(name), "{error}");
    }
    let matter = AbsorbingWave::<f64>::new(&mesh, Array3::zeros((4, 4, 4))).unwrap();
    let mut x = uniform(&mesh, 1.0).unwrap();
    let error = matter.drift(&absorber(-1.0), &mut x, 0.1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "absorber strength = -1: must be not negative"
    );
}
