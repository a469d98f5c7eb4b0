//! Progenitors traced back in time and particle sprays: derivatives, places, tails, bad input.

use adastra_check as check;
use adastra_core::{Evolve, Focus, Operator, ReversibleSchedule, Shared};
use adastra_nbody::{
    Galaxy, Integration, Logarithmic, MiyamotoNagai, NBody, NBodyParams, Nfw, ParticleSpray,
    ParticleState, Plummer, Progenitor, ProgenitorParams, Scheme, SelfGravity, Sphere, TriaxialNfw,
};
use proptest::prelude::*;

fn galaxy() -> Galaxy {
    Galaxy::new().with(Nfw).with(TriaxialNfw).rotating()
}

/// With G = 1: a halo, and a bar that has turned some.
fn params() -> impl Strategy<Value = ProgenitorParams<f64>> {
    let factors = || check::real(8, 0.9..1.1);
    (factors(), factors(), factors()).prop_map(|(a, b, c)| {
        let values = [5.0, 2.0, 1.0, 0.7, 0.8, 0.9, 0.7, 0.2];
        let run = NBodyParams {
            gravitational_constant: a[0],
            softening: 0.1 * a[1],
            span: 0.6 * a[2],
            galaxy: values.iter().zip(&b).map(|(v, f)| v * f).collect(),
        };
        let place = [0, 1, 2].map(|k| [2.0, -0.4, 1.1][k] * c[k]);
        let motion = [0, 1, 2].map(|k| [0.3, 1.0, -0.2][k] * c[k + 3]);
        ProgenitorParams::new(run, 1e-3 * a[3], 0.05 * a[4], place, motion)
    })
}

#[test]
fn derivatives() {
    let property = check::Property {
        cases: 6,
        ..check::Property::default()
    };
    let sphere = Sphere::plummer(5, 5.0, 2).unwrap();
    let progenitor = Progenitor::new(sphere, galaxy(), Scheme::Yoshida4, 7);
    property.tangent_of(params().prop_map(|p| (p, ())), |(p, x)| {
        (progenitor.clone(), p, x)
    });
    // More stars than steps, and fewer.
    for (stars, steps) in [(9, 4), (3, 7)] {
        let spray = ParticleSpray::new(stars, galaxy(), steps, 3).unwrap();
        property.tangent_of(params().prop_map(|p| (p, ())), |(p, x)| {
            (spray.clone(), p, x)
        });
    }
}

/// Like that of GD-1.
fn milky_way(span: f64, mass: f64) -> (Galaxy, ProgenitorParams<f64>) {
    let galaxy = Galaxy::new().with(Nfw).with(MiyamotoNagai);
    let run = NBodyParams::new(span, 0.05, [4.37e11, 16.0, 6.8e10, 3.0, 0.28]);
    let (place, motion) = ([-11.8, 0.79, 6.4], [-109.5, -254.5, -90.3]);
    (
        galaxy,
        ProgenitorParams::new(run, mass, 0.05, place, motion),
    )
}

#[test]
fn a_cluster_traced_back_returns() {
    let (galaxy, p) = milky_way(0.5, 1e4);
    let sphere = Sphere::plummer(40, 5.0, 1).unwrap();
    let progenitor = Progenitor::new(sphere, galaxy.clone(), Scheme::DriftKickDrift, 1000);
    let system = NBody::new(SelfGravity::new(), galaxy);
    let run = Integration::new(system, Scheme::DriftKickDrift, 1000).ending_at(0.0);
    let run = Evolve::reversible(run, ReversibleSchedule::auto());
    let run = Focus::new(run, |p: &ProgenitorParams<f64>| &p.run, |p| &mut p.run);
    let stars = Shared(progenitor, run).apply(&p, ()).unwrap();
    let centre = stars.position.mean_axis(ndarray::Axis(0)).unwrap();
    for k in 0..3 {
        assert!((centre[k] - p.position[k]).abs() < 0.02, "{centre} {p:?}");
    }
}

#[test]
fn clocks_that_end_today_see_rotating_potentials_as_they_were() {
    let bar = NBody::test_particles(Galaxy::new().with(TriaxialNfw).rotating());
    let p = NBodyParams {
        gravitational_constant: 1.0,
        ..NBodyParams::new(2.0, 0.0, [5.0, 2.0, 0.6, 0.8, 0.7, 0.2])
    };
    let x = ParticleState::new(
        ndarray::array![[1.0, 0.2, 0.3]],
        ndarray::array![[0.1, 0.9, 0.2]],
        ndarray::array![0.0],
    )
    .unwrap();
    let run = |from: Integration, p: &NBodyParams<f64>, x: ParticleState<f64>| {
        let run = Evolve::reversible(from, ReversibleSchedule::auto());
        run.apply(p, x).unwrap()
    };
    let run_of = || Integration::new(bar.clone(), Scheme::Yoshida4, 400);
    let forth = run(run_of().ending_at(0.0), &p, x.clone());
    let same = run(run_of().starting_at(-2.0), &p, x.clone());
    assert!(
        (&forth.position - &same.position)
            .iter()
            .all(|d| d.abs() < 1e-12)
    );
    let back = NBodyParams {
        span: -2.0,
        ..p.clone()
    };
    let again = run(run_of(), &back, forth.clone());
    assert!(
        (&again.position - &x.position)
            .iter()
            .all(|d| d.abs() < 1e-12)
    );
    let other = run(run_of(), &p, x);
    assert!(
        (&forth.position - &other.position)
            .iter()
            .any(|d| d.abs() > 1e-2)
    );
}

#[test]
fn leading_stars_have_lost_energy_and_trailing_ones_gained() {
    let (galaxy, p) = milky_way(3.0, 2e4);
    let n = 400;
    let spray = ParticleSpray::new(n, galaxy.clone(), 1500, 5).unwrap();
    let stars = spray.apply(&p, ()).unwrap();
    let energy = |x: [f64; 3], v: [f64; 3]| {
        let phi = galaxy.at(&p.run.galaxy.to_vec(), x).unwrap().potential;
        phi + 0.5 * v.iter().map(|v| v * v).sum::<f64>()
    };
    let row = |rows: &ndarray::Array2<f64>, i: usize| [0, 1, 2].map(|k| rows[[i, k]]);
    let own = energy(
        [0, 1, 2].map(|k| p.position[k]),
        [0, 1, 2].map(|k| p.velocity[k]),
    );
    let mut right = 0;
    for i in 0..n {
        let gain = energy(row(&stars.position, i), row(&stars.velocity, i)) - own;
        right += usize::from((gain > 0.0) == (i % 2 == 0));
        // The spread over that of the orbit is of the order of (m/M)^(1/3).
        assert!((gain / own).abs() < 0.05, "{gain}");
    }
    assert!(right > n * 9 / 10, "{right} of {n}");
    // Those that left last are still there, the others have drifted apart along the orbit.
    let distance = |i: usize| {
        let d = &stars.position.row(i) - &p.position;
        d.dot(&d).sqrt()
    };
    let mean = |range: std::ops::Range<usize>| {
        let n = range.len() as f64;
        range.map(distance).sum::<f64>() / n
    };
    assert!(mean(n - 10..n) < 0.3, "{}", mean(n - 10..n));
    assert!(mean(0..40) > 1.0, "{}", mean(0..40));
    // The same seed gives the same stars, another other ones.
    let again = ParticleSpray::new(n, galaxy.clone(), 1500, 5).unwrap();
    assert_eq!(again.apply(&p, ()).unwrap(), stars);
    let other = ParticleSpray::new(n, galaxy, 1500, 6).unwrap();
    assert_ne!(other.apply(&p, ()).unwrap(), stars);
}

#[test]
fn a_heavier_progenitor_has_a_wider_stream() {
    let width = |mass: f64| {
        let (galaxy, p) = milky_way(0.3, mass);
        let spray = ParticleSpray::new(300, galaxy, 150, 5).unwrap();
        let stars = spray.apply(&p, ()).unwrap();
        let d = &stars.position - &p.position;
        (d.mapv(|d| d * d).sum() / 300.0).sqrt()
    };
    // In proportion to the tidal radius.
    let ratio = width(1e3) / width(1e6);
    assert!((0.08..0.15).contains(&ratio), "{ratio}");
}

#[test]
fn one_star_makes_a_stream() {
    let (galaxy, p) = milky_way(1.0, 1e4);
    let stars = ParticleSpray::new(1, galaxy, 300, 5).unwrap().apply(&p, ());
    let stars = stars.unwrap();
    assert_eq!(stars.len(), 1);
    assert!(stars.position.iter().all(|x| x.is_finite()));
}

#[test]
fn bad_input_is_named() {
    let (galaxy, p) = milky_way(1.0, 1e4);
    let none = ParticleSpray::new(0, galaxy.clone(), 5, 1)
        .unwrap_err()
        .to_string();
    assert!(none.contains("n = 0: must be at least 1"), "{none}");
    let still = ParticleSpray::new(5, galaxy.clone(), 0, 1)
        .unwrap_err()
        .to_string();
    assert!(still.contains("steps = 0: must be at least 1"), "{still}");
    let spray = ParticleSpray::new(5, galaxy, 50, 1).unwrap();
    let text = |p: &ProgenitorParams<f64>| spray.apply(p, ()).unwrap_err().to_string();
    let massless = ProgenitorParams {
        mass: 0.0,
        ..p.clone()
    };
    assert!(text(&massless).contains("mass = 0: must be above 0"));
    let negative = ProgenitorParams {
        scale_radius: -1.0,
        ..p.clone()
    };
    assert!(text(&negative).contains("scale_radius = -1: must be above 0"));
    let mut central = p.clone();
    central.position.fill(0.0);
    central.run.span = 1e-9;
    central.velocity.fill(0.0);
    assert!(
        text(&central).contains("has no tidal radius"),
        "{}",
        text(&central)
    );
    // At rest in the core of a sphere, whose tide compresses.
    let spray = ParticleSpray::new(5, Galaxy::new().with(Plummer), 5, 1).unwrap();
    let run = NBodyParams::new(1e-6, 0.0, [1e10, 5.0]);
    let p = ProgenitorParams::<f64>::new(run, 1e4, 0.1, [0.1, 0.0, 0.0], [0.0; 3]);
    let text = spray.apply(&p, ()).unwrap_err().to_string();
    assert!(text.contains("no tidal radius"), "{text}");
    let spray = ParticleSpray::new(5, Galaxy::new().with(Logarithmic), 5, 1).unwrap();
    let run = NBodyParams::new(f64::NAN, 0.0, [200.0, 0.0, 1.0]);
    let p = ProgenitorParams::<f64>::new(run, 1e4, 0.1, [8.0, 0.0, 0.0], [0.0, 200.0, 0.0]);
    let text = spray.apply(&p, ()).unwrap_err().to_string();
    assert!(text.contains("span = NaN"), "{text}");
}
