//! Limits of the step, and what bad input says.

use std::f64::consts::{PI, TAU};

use adastra_fdm::{
    FdmError, GaussianPacket, M_PER_HBAR_22, Wave, WaveParams, WaveState, boost, periodic_velocity,
    uniform, wave_packet,
};
use adastra_gravity::{Background, G, March, Matter, SelfGravity, TimeStep};
use adastra_grid::{Gravity, Mesh};
use ndarray::{Array3, ShapeBuilder};

use crate::common::smooth_wave;

fn mesh() -> Mesh {
    Mesh::new([8; 3], [10.0; 3]).unwrap()
}

fn gravity(potential: Array3<f64>) -> Gravity<f64> {
    Gravity {
        potential,
        acceleration: None,
    }
}

#[test]
fn limits_are_those_of_the_literature() {
    let wave = Wave::<f64>::new(&mesh());
    let p = WaveParams {
        mass: 2.0,
        coupling: 3.0,
    };
    let m_per_hbar = 2.0 * M_PER_HBAR_22;
    let x = uniform(&mesh(), 1e9).unwrap();
    let mut potential = Array3::zeros((8, 8, 8));
    potential[[7, 3, 5]] = -4000.0;
    let limits = wave.limits(&p, &x, &gravity(potential.clone())).unwrap();
    let names: Vec<_> = limits.iter().map(|limit| limit.name).collect();
    assert_eq!(names, ["kinetic", "potential"]);
    let kinetic = 4.0 / (3.0 * PI) * m_per_hbar * 1.25 * 1.25;
    assert!((limits[0].dt / kinetic - 1.0).abs() < 1e-14);
    let most = (-4000.0 + p.interaction().potential(1e9)).abs();
    assert!(most < 4000.0);
    assert!((limits[1].dt * m_per_hbar * most / TAU - 1.0).abs() < 1e-14);
    // The longest phase of a drift at the limit is one turn, on any mesh.
    let mesh = Mesh::new([4, 8, 16], [1.0, 3.0, 5.0]).unwrap();
    let uniform = uniform(&mesh, 1.0).unwrap();
    let still = gravity(Array3::zeros(mesh.shape()));
    let limits = Wave::new(&mesh)
        .limits(&WaveParams::free(2.0), &uniform, &still)
        .unwrap();
    let k2: f64 = mesh.spacing().iter().map(|dx| (PI / dx).powi(2)).sum();
    assert!((limits[0].dt * k2 / (2.0 * m_per_hbar) / TAU - 1.0).abs() < 1e-12);
    assert!(limits[1].dt > 1e9);
    potential[[0, 0, 1]] = f64::NAN;
    let x = WaveState {
        psi: Array3::ones((8, 8, 8)),
    };
    assert!(
        wave.limits(&p, &x, &gravity(potential)).unwrap()[1]
            .dt
            .is_nan()
    );
}

#[test]
fn a_step_beyond_a_limit_is_refused_by_name() {
    let p = (WaveParams::free(1.0), Background::none());
    let refused = |density: f64, dt: f64, field: Option<f64>| {
        let system = SelfGravity::with_constant(&mesh(), Wave::<f64>::new(&mesh()), G);
        let mut x = smooth_wave(&mesh(), density);
        if let Some(value) = field {
            x.psi[[1, 2, 3]].im = value;
        }
        let mut march = March::default();
        let step = march.advance(&system, &p, &mut x, TimeStep::Fixed(dt), 1.0);
        step.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(refused(1e5, 0.02, None), Ok(()));
    let error = refused(1e5, 0.05, None).unwrap_err();
    assert!(
        error.contains("exceeds the kinetic limit of 3.4590e-2"),
        "{error}"
    );
    let error = refused(1e9, 0.02, None).unwrap_err();
    assert!(error.contains("exceeds the potential limit"), "{error}");
    let error = refused(1e5, 0.02, Some(f64::NAN)).unwrap_err();
    assert!(
        error.contains("potential limit at step 0 is NaN"),
        "{error}"
    );
}

#[test]
fn bad_parameters_and_shapes_are_named() {
    let wave = Wave::<f64>::new(&mesh());
    let mut x = uniform(&mesh(), 1.0).unwrap();
    let still = gravity(Array3::zeros((8, 8, 8)));
    for mass in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let p = WaveParams::free(mass);
        for result in [
            wave.kick(&p, &mut x, &still, 0.1),
            wave.drift(&p, &mut x, 0.1),
            wave.kick_drift(&p, &mut x, &still, 0.1, 0.1),
            wave.limits(&p, &x, &still).map(drop),
            wave.velocity(&p, &x).map(drop),
            wave.energies(&p, &x, &still.potential, None).map(drop),
        ] {
            let error = result.unwrap_err().to_string();
            assert_eq!(error, format!("mass = {mass}: must be positive and finite"));
        }
    }
    let p = WaveParams {
        mass: 1.0,
        coupling: f64::NAN,
    };
    let error = wave.drift(&p, &mut x, 0.1).unwrap_err().to_string();
    assert_eq!(error, "coupling = NaN: must be finite");

    let p = WaveParams::free(1.0);
    let small = gravity(Array3::zeros((8, 8, 4)));
    let error = wave.kick(&p, &mut x, &small, 0.1).unwrap_err().to_string();
    assert_eq!(error, "potential: shape [8, 8, 4], expected [8, 8, 8]");
    let mut narrow = WaveState {
        psi: Array3::zeros((8, 4, 8)),
    };
    let error = wave.drift(&p, &mut narrow, 0.1).unwrap_err().to_string();
    assert_eq!(error, "psi: shape [8, 4, 8], expected [8, 8, 8]");
}

#[test]
fn waves_in_another_memory_order_are_put_in_order() {
    let wave = Wave::<f64>::new(&mesh());
    let p = WaveParams::free(1.0);
    let mut x = smooth_wave(&mesh(), 1e5);
    let mut fortran = Array3::zeros((8, 8, 8).f());
    fortran.assign(&x.psi);
    let mut other = WaveState { psi: fortran };
    wave.drift(&p, &mut x, 0.01).unwrap();
    wave.drift(&p, &mut other, 0.01).unwrap();
    assert_eq!(x.psi, other.psi);
}

#[test]
fn bad_initial_conditions_are_named() {
    let name = |result: Result<WaveState<f64>, FdmError>| match result {
        Err(FdmError::Range { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(name(uniform(&mesh(), -1.0)), "density");
    let packet = GaussianPacket {
        peak_density: 1.0,
        width: 1.0,
        centre: [0.0; 3],
        velocity: [0.0; 3],
    };
    let with = |mass, packet| name(wave_packet(&mesh(), mass, &packet));
    assert_eq!(with(f64::NAN, packet), "mass");
    assert_eq!(
        with(
            1.0,
            GaussianPacket {
                peak_density: 0.0,
                ..packet
            }
        ),
        "peak_density"
    );
    assert_eq!(
        with(
            1.0,
            GaussianPacket {
                width: -1.0,
                ..packet
            }
        ),
        "width"
    );
    assert_eq!(
        with(
            1.0,
            GaussianPacket {
                centre: [f64::NAN; 3],
                ..packet
            }
        ),
        "centre"
    );
    assert_eq!(
        with(
            1.0,
            GaussianPacket {
                velocity: [f64::INFINITY; 3],
                ..packet
            }
        ),
        "velocity"
    );
    assert!(periodic_velocity(&mesh(), 0.0, [0.0; 3]).is_err());
    let mut narrow = WaveState::<f64> {
        psi: Array3::zeros((8, 4, 8)),
    };
    let error = boost(&mesh(), 1.0, [0.0; 3], &mut narrow).unwrap_err();
    assert!(
        matches!(error, FdmError::Shape { name: "psi", .. }),
        "{error}"
    );
}
