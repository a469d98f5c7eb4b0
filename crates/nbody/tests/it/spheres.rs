//! Spheres: derivatives, profiles, equilibrium, and a cluster on an orbit traced back in time.

use adastra_check as check;
use adastra_core::{Adjoint, Evolve, Operator, ReversibleSchedule, State};
use adastra_nbody::{
    Galaxy, Integration, Logarithmic, NBody, NBodyParams, ParticleState, Scheme, SelfGravity,
    Sphere, SphereParams,
};
use ndarray::Array1;
use proptest::prelude::*;

fn params() -> impl Strategy<Value = SphereParams<f64>> {
    let vectors = || check::normal(3, 0.0, 1.0);
    (0.5..2.0f64, 0.5..2.0f64, 0.5..2.0f64, vectors(), vectors()).prop_map(
        |(gravitational_constant, mass, scale_radius, position, velocity)| SphereParams {
            gravitational_constant,
            mass,
            scale_radius,
            position,
            velocity,
        },
    )
}

fn spheres(n: usize) -> [Sphere; 4] {
    [
        Sphere::plummer(n, 10.0, 3).unwrap(),
        Sphere::hernquist(n, 20.0, 4).unwrap(),
        Sphere::king(n, 5.0, 5).unwrap(),
        Sphere::nfw(n, 10.0, 6).unwrap(),
    ]
}

/// Mass and scale radius of one, with G = 1.
fn unit() -> SphereParams<f64> {
    SphereParams {
        gravitational_constant: 1.0,
        ..SphereParams::new(1.0, 1.0)
    }
}

fn radii(x: &ParticleState<f64>) -> Vec<f64> {
    let length = |x: ndarray::ArrayView1<'_, f64>| x.dot(&x).sqrt();
    let mut radii: Vec<f64> = x.position.rows().into_iter().map(length).collect();
    radii.sort_by(f64::total_cmp);
    radii
}

/// Twice the kinetic energy over minus the potential one.
fn virial_ratio(x: &ParticleState<f64>) -> f64 {
    let p = NBodyParams {
        gravitational_constant: 1.0,
        ..NBodyParams::new(0.0, 0.0, [])
    };
    let sums = NBody::isolated(SelfGravity::new())
        .conserved(&p, 0.0, x)
        .unwrap();
    -2.0 * sums.kinetic_energy / sums.potential_energy
}

#[test]
fn derivatives() {
    for sphere in spheres(20) {
        check::tangent(&sphere, params().prop_map(|p| (p, ())));
    }
}

#[test]
fn spheres_have_their_profiles() {
    // Masses within half, one and two scale radii.
    let masses = [
        [0.0894, 0.3536, 0.7155],
        [0.1111, 0.25, 0.4444],
        // W_0 = 5, by SciPy's `solve_ivp` with the density in terms of the error function.
        [0.0357, 0.1758, 0.5007],
        // By Simpson's rule.
        [0.0423, 0.1131, 0.2516],
    ];
    for (sphere, masses) in spheres(20_000).iter().zip(masses) {
        let x = sphere.apply(&unit(), ()).unwrap();
        let radii = radii(&x);
        for (r, expected) in [0.5, 1.0, 2.0].into_iter().zip(masses) {
            let within = radii.partition_point(|&x| x < r) as f64 * x.mass[0];
            // Three standard deviations of a count.
            assert!(
                (within - expected).abs() < 0.012,
                "{within} within {r}, expected {expected}"
            );
        }
    }
}

#[test]
fn spheres_are_in_equilibrium() {
    for sphere in spheres(2000) {
        let x = sphere.apply(&unit(), ()).unwrap();
        // The truncated models lack a little of either energy.
        let ratio = virial_ratio(&x);
        assert!((ratio - 1.0).abs() < 0.07, "{ratio}");
        let before = radii(&x);
        let p = NBodyParams {
            gravitational_constant: 1.0,
            ..NBodyParams::new(5.0, 0.05, [])
        };
        let system = NBody::isolated(SelfGravity::new());
        let run = Integration::new(system, Scheme::KickDriftKick, 100);
        let run = Evolve::reversible(run, ReversibleSchedule::Reconstruct { anchors: 0 });
        let after = radii(&run.apply(&p, x).unwrap());
        for part in [0.25, 0.5, 0.75] {
            let i = (2000.0 * part) as usize;
            let growth = after[i] / before[i];
            assert!((growth - 1.0).abs() < 0.08, "{part} of the mass: {growth}");
        }
    }
}

#[test]
fn seeds_fix_the_draw() {
    assert_eq!(
        Sphere::plummer(9, 5.0, 1).unwrap(),
        Sphere::plummer(9, 5.0, 1).unwrap()
    );
    assert_ne!(
        Sphere::plummer(9, 5.0, 1).unwrap(),
        Sphere::plummer(9, 5.0, 2).unwrap()
    );
}

#[test]
fn a_cluster_traced_back_returns_with_its_gradient() {
    // Where a stream's progenitor was 2 kpc/(km/s) ago follows from where it is now; the cluster
    // then falls in the same galaxy for as long.
    let galaxy = Galaxy::new().with(Logarithmic);
    let orbit = NBody::test_particles(galaxy.clone());
    let cluster = NBody::new(SelfGravity::new(), galaxy);
    let run = |system: &NBody| {
        let run = Integration::new(system.clone(), Scheme::KickDriftKick, 400);
        Evolve::reversible(run, ReversibleSchedule::Reconstruct { anchors: 2 })
    };
    let forth = NBodyParams::new(0.5, 0.01, [220.0, 0.5, 0.9]);
    let back = NBodyParams {
        span: -0.5,
        ..forth.clone()
    };
    let sphere = Sphere::plummer(50, 5.0, 7).unwrap();

    // The mean final position as a function of the present position of the progenitor.
    let mean = |now: f64| {
        let progenitor = ParticleState {
            position: ndarray::array![[now, 1.0, 6.0]],
            velocity: ndarray::array![[10.0, 150.0, -20.0]],
            mass: ndarray::array![0.0],
        };
        let (then, orbit_tape) = run(&orbit).record(&back, progenitor).unwrap();
        let mut p = SphereParams::new(1e4, 0.01);
        p.position = then.position.row(0).to_owned();
        p.velocity = then.velocity.row(0).to_owned();
        let (x, ()) = sphere.record(&p, ()).unwrap();
        let (y, tape) = run(&cluster).record(&forth, x).unwrap();
        let value = y.position.column(0).mean().unwrap();

        let mut bar = State::<f64>::zeros_like(&y);
        let weight = 1.0 / y.len() as f64;
        bar.position.column_mut(0).fill(weight);
        let mut forth_bar = State::<f64>::zeros_like(&forth);
        let bar = run(&cluster)
            .vjp(&forth, tape, bar, &mut forth_bar)
            .unwrap();
        let mut p_bar = State::<f64>::zeros_like(&p);
        sphere.vjp(&p, (), bar, &mut p_bar).unwrap();
        let bar = ParticleState {
            position: p_bar.position.insert_axis(ndarray::Axis(0)),
            velocity: p_bar.velocity.insert_axis(ndarray::Axis(0)),
            mass: Array1::zeros(1),
        };
        let bar = run(&orbit)
            .vjp(&back, orbit_tape, bar, &mut forth_bar)
            .unwrap();
        (value, bar.position[[0, 0]])
    };
    let (value, slope) = mean(12.0);
    assert!((value - 12.0).abs() < 0.05, "{value}");
    let h = 1e-4;
    let difference = (mean(12.0 + h).0 - mean(12.0 - h).0) / (2.0 * h);
    assert!(
        (slope / difference - 1.0).abs() < 1e-6,
        "{slope} {difference}"
    );
}

#[test]
fn bad_input_is_named() {
    let text = |found: adastra_core::Result<Sphere>| found.unwrap_err().to_string();
    assert!(text(Sphere::plummer(0, 1.0, 1)).contains("n = 0: must be at least 1"));
    assert!(text(Sphere::hernquist(1, f64::NAN, 1)).contains("truncation = NaN"));
    assert!(text(Sphere::king(1, -1.0, 1)).contains("central_potential = -1"));
    assert!(text(Sphere::nfw(1, 0.5, 1)).contains("truncation = 0.5"));
    assert!(text(Sphere::nfw(0, 5.0, 1)).contains("n = 0: must be at least 1"));
    let sphere = Sphere::plummer(3, 1.0, 1).unwrap();
    let error = sphere
        .apply(&SphereParams::<f64>::new(-1.0, 1.0), ())
        .unwrap_err();
    assert!(
        error.to_string().contains("mass = -1: must be above 0"),
        "{error}"
    );
}
