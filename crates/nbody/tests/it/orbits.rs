//! Diagnostics of orbits: apsides of Kepler's ellipse, sections, actions with analytic values.

use adastra_nbody::{
    Actions, Galaxy, GalaxyParams, Isochrone, Logarithmic, MiyamotoNagai, NBody, NBodyParams, Nfw,
    Orbits, ParticleState, PointMass, Scheme, SelfGravity, angular_momenta,
};
use ndarray::{arr1, arr2, array};

fn unit(span: f64, galaxy: &[f64]) -> NBodyParams<f64> {
    NBodyParams {
        gravitational_constant: 1.0,
        softening: 0.0,
        span,
        galaxy: galaxy.iter().copied().collect(),
    }
}

fn one(x: [f64; 3], v: [f64; 3]) -> ParticleState<f64> {
    ParticleState::new(arr2(&[x]), arr2(&[v]), arr1(&[1.0])).unwrap()
}

#[test]
fn apsides_of_an_ellipse() {
    let system = NBody::test_particles(Galaxy::new().with(PointMass));
    let e: f64 = 0.4;
    // Between pericentre and apocentre.
    let x = one(
        [1.0 - e * e, 0.0, 0.0],
        [
            e / (1.0 - e * e).sqrt(),
            0.8 / (1.0 - e * e).sqrt(),
            0.6 / (1.0 - e * e).sqrt(),
        ],
    );
    for span in [30.0, -30.0] {
        let p = unit(span, &[1.0]);
        let orbits = Orbits::of(&system, Scheme::Yoshida4, &p, x.clone(), 500, 20).unwrap();
        let apsides = orbits.apsides(0);
        assert!(
            (apsides.pericentre.unwrap() - (1.0 - e)).abs() < 1e-5,
            "{apsides:?}"
        );
        assert!(
            (apsides.apocentre.unwrap() - (1.0 + e)).abs() < 1e-5,
            "{apsides:?}"
        );
        assert!((apsides.eccentricity().unwrap() - e).abs() < 1e-5);
        // Once a turn, always at the same place.
        let section = orbits.section(0);
        assert_eq!(section.len(), if span > 0.0 { 4 } else { 5 });
        for [r, v_r] in &section {
            assert!((r - section[0][0]).abs() < 1e-4 && (v_r - section[0][1]).abs() < 1e-4);
        }
    }
}

#[test]
fn an_orbit_that_escapes_has_no_apocentre() {
    let system = NBody::test_particles(Galaxy::new().with(PointMass));
    let x = one([-2.0, 0.5, 0.0], [2.0, 0.0, 0.0]);
    let orbits = Orbits::of(&system, Scheme::Yoshida4, &unit(1e4, &[1.0]), x, 2000, 50).unwrap();
    let apsides = orbits.apsides(0);
    assert!(apsides.pericentre.unwrap() < 0.5);
    assert_eq!((apsides.apocentre, apsides.eccentricity()), (None, None));
}

#[test]
fn energies_and_angular_momenta_add_up() {
    let system = NBody::new(SelfGravity::new(), Galaxy::new().with(Nfw));
    let x = ParticleState::new(
        array![[1.0, 0.0, 0.2], [-0.5, 0.7, 0.1], [0.3, -0.9, 0.5]],
        array![[0.1, 0.4, 0.0], [0.2, 0.3, -0.1], [-0.6, 0.0, 0.2]],
        array![0.2, 0.3, 0.4],
    )
    .unwrap();
    let p = unit(1.0, &[3.0, 1.5]);
    let sums = system.conserved(&p, 0.0, &x).unwrap();
    let energies = system.energies(&p, 0.0, &x).unwrap();
    // The energy of each pair is seen from both of its particles.
    let galaxy = NBody::test_particles(Galaxy::new().with(Nfw));
    let alone = galaxy.energies(&p, 0.0, &x).unwrap();
    let pairs = 0.5 * x.mass.dot(&(&energies - &alone));
    assert!((x.mass.dot(&alone) + pairs - sums.energy()).abs() < 1e-14);
    let l = angular_momenta(&x).unwrap();
    for k in 0..3 {
        assert!((x.mass.dot(&l.column(k)) - sums.angular_momentum[k]).abs() < 1e-14);
    }
}

fn galaxy_params(values: &[f64]) -> GalaxyParams<f64> {
    GalaxyParams {
        gravitational_constant: 1.0,
        ..GalaxyParams::new(values.iter().copied())
    }
}

#[test]
fn actions_in_the_isochrone_are_the_analytic_ones() {
    // Binney & Tremaine 2008, equations 3.225 and 3.226.
    let (m, b) = (2.0, 0.7);
    let galaxy = Galaxy::new().with(Isochrone);
    let p = galaxy_params(&[m, b]);
    for (x, v) in [
        ([1.0, 0.3, 0.4], [0.2, 0.6, 0.3]),
        ([0.5, -0.2, -0.9], [0.1, 0.5, 0.2]),
        ([3.0, 0.0, 0.0], [0.0, 0.4, 0.3]),
        ([0.2, 0.1, 0.3], [0.5, 0.1, -0.9]),
        ([1.0, 0.0, 0.5], [0.3, 0.0, 0.7]),
    ] {
        let phi = galaxy.local(&p, x).unwrap().potential;
        let energy = 0.5 * v.iter().map(|v| v * v).sum::<f64>() + phi;
        let l = angular_momenta(&one(x, v)).unwrap();
        let l = l.row(0);
        let (total, l_z) = (l.dot(&l).sqrt(), l[2]);
        let radial =
            m / (-2.0 * energy).sqrt() - 0.5 * (total + (total * total + 4.0 * m * b).sqrt());
        let found = Actions::of(&galaxy, &p, x, v).unwrap();
        assert!((found.azimuthal - l_z).abs() < 1e-14);
        assert!((found.radial - radial).abs() < 3e-5, "{found:?}, {radial}");
        let vertical = total - l_z.abs();
        assert!(
            (found.vertical - vertical).abs() < 3e-5,
            "{found:?}, {vertical}"
        );
    }
}

/// The spread of numbers over their mean.
fn spread(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt() / mean
}

#[test]
fn actions_are_conserved_along_orbits_in_a_disk_and_a_halo() {
    let galaxy = Galaxy::new().with(Nfw).with(MiyamotoNagai);
    let values = [4.37e11, 16.0, 6.8e10, 3.0, 0.28];
    let q = GalaxyParams::new(values);
    let system = NBody::test_particles(galaxy.clone());
    for (v, allowed) in [
        ([40.0, 190.0, 25.0], [0.03, 0.03]),
        ([60.0, 180.0, 90.0], [0.03, 0.06]),
    ] {
        let p = NBodyParams::<f64>::new(3.0, 0.0, values);
        let x = one([8.0, 0.0, 0.1], v);
        let orbits = Orbits::of(&system, Scheme::Yoshida4, &p, x, 300, 20).unwrap();
        let focal: f64 = (0..=300)
            .map(|i| Actions::focal_distance_at(&galaxy, &q, orbits.at(i, 0).0).unwrap())
            .sum::<f64>()
            / 301.0;
        let all: Vec<Actions> = (0..=300)
            .map(|i| {
                let (x, v) = orbits.at(i, 0);
                Actions::with_focal_distance(&galaxy, &q, x, v, focal).unwrap()
            })
            .collect();
        let radial: Vec<f64> = all.iter().map(|a| a.radial).collect();
        let vertical: Vec<f64> = all.iter().map(|a| a.vertical).collect();
        assert!(spread(&radial) < allowed[0], "J_R: {}", spread(&radial));
        assert!(spread(&vertical) < allowed[1], "J_z: {}", spread(&vertical));
        // The orbit itself varies a lot.
        let distance = |i: usize| orbits.at(i, 0).0.map(|x| x * x).iter().sum::<f64>().sqrt();
        let distances: Vec<f64> = (0..=300).map(distance).collect();
        assert!(spread(&distances) > 0.1);
    }
}

#[test]
fn small_oscillations_have_the_actions_of_epicycles() {
    let galaxy = Galaxy::new().with(Nfw).with(MiyamotoNagai);
    let values = [4.37e11, 16.0, 6.8e10, 3.0, 0.28];
    let p = GalaxyParams::new(values);
    let r = 8.0;
    let local = galaxy.local(&p, [r, 0.0, 0.0]).unwrap();
    let speed = local.circular_velocity;
    let kappa = (-local.tidal_tensor[0][0] + 3.0 * (speed / r).powi(2)).sqrt();
    let nu = (-local.tidal_tensor[2][2]).sqrt();
    let (v_r, v_z) = (1.0, 0.5);
    let found = Actions::of(&galaxy, &p, [r, 0.0, 0.0], [v_r, speed, v_z]).unwrap();
    assert!(
        (found.radial / (0.5 * v_r * v_r / kappa) - 1.0).abs() < 5e-3,
        "{found:?}"
    );
    assert!(
        (found.vertical / (0.5 * v_z * v_z / nu) - 1.0).abs() < 5e-3,
        "{found:?}"
    );
    // On a circle there are none.
    let circle = Actions::of(&galaxy, &p, [r, 0.0, 0.0], [0.0, speed, 0.0]).unwrap();
    assert!(
        circle.radial < 1e-6 && circle.vertical < 1e-12,
        "{circle:?}"
    );
}

#[test]
fn spherical_potentials_have_no_focal_distance() {
    let galaxy = Galaxy::new().with(Isochrone);
    let p = galaxy_params(&[2.0, 0.7]);
    for x in [[1.0, 0.3, 0.4], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]] {
        let found = Actions::focal_distance_at(&galaxy, &p, x).unwrap();
        assert!(found < 1e-3, "{found}");
    }
}

#[test]
fn bad_input_is_named() {
    let galaxy = Galaxy::new().with(Isochrone);
    let p = galaxy_params(&[2.0, 0.7]);
    let text = |x: [f64; 3], v: [f64; 3]| Actions::of(&galaxy, &p, x, v).unwrap_err().to_string();
    let escape = text([1.0, 0.0, 0.0], [0.0, 9.0, 0.0]);
    assert!(escape.contains("is not bound"), "{escape}");
    let centre = text([0.0; 3], [0.0, 1.0, 0.0]);
    assert!(centre.contains("distance from the centre = 0"), "{centre}");
    // What never escapes has actions at any speed.
    let logarithmic = Galaxy::new().with(Logarithmic);
    let p = galaxy_params(&[1.0, 0.1, 0.9]);
    let fast = Actions::of(&logarithmic, &p, [1.0, 0.0, 0.0], [0.0, 2.0, 1.0]).unwrap();
    assert!(fast.radial.is_finite() && fast.radial > 0.0);
    let system = NBody::test_particles(Galaxy::new().with(PointMass));
    let x = one([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]);
    let none = Orbits::of(&system, Scheme::default(), &unit(1.0, &[1.0]), x, 0, 5);
    assert!(none.unwrap_err().to_string().contains("outputs = 0"));
}
