//! Tracks of streams: derivatives, standard errors, one star.

use adastra_check as check;
use adastra_core::{Adjoint, Evolve, Operator, Schedule, State};
use adastra_nbody::{
    Galaxy, Growth, Integration, Likeness, MiyamotoNagai, NBody, NBodyParams, Nfw, Observer,
    Orbits, Scheme, SelfGravity, Sky, Sphere, SphereParams, Track,
};
use ndarray::{Array2, array};
use proptest::prelude::*;

#[test]
fn derivatives() {
    let track = Track::new(&[-1.0, 0.0, 0.5, 1.2], 0.7).unwrap();
    let stars = check::normal((12, 3), 0.0, 1.0);
    check::tangent(&track, stars.prop_map(|x| ((), x)));
}

#[test]
fn standard_errors_are_the_scatter_of_draws() {
    // Many streams of the same kind: a slope, and a scatter of 0.3 about it.
    let draw = |seed: usize| {
        let number = |i: usize, k: usize| {
            let x = (seed * 977 + i * 3 + k) as f64;
            ((12.9898 * x).sin() * 43_758.545).rem_euclid(1.0)
        };
        Array2::from_shape_fn((200, 2), |(i, j)| {
            let along = 10.0 * number(i, 0);
            match j {
                0 => along,
                _ => 0.3 * (12f64.sqrt() * (number(i, 1) - 0.5)),
            }
        })
    };
    let track = Track::new(&[4.0, 6.0], 0.8).unwrap();
    let all: Vec<Array2<f64>> = (1..400)
        .map(|s| track.apply(&(), draw(s)).unwrap())
        .collect();
    let n = all.len() as f64;
    let expected = track.standard_errors(&draw(0)).unwrap();
    for k in 0..2 {
        for j in 0..2 {
            let mean = all.iter().map(|t| t[[k, j]]).sum::<f64>() / n;
            let scatter = all.iter().map(|t| (t[[k, j]] - mean).powi(2)).sum::<f64>() / n;
            let ratio = scatter.sqrt() / expected[[k, j]];
            assert!((ratio - 1.0).abs() < 0.25, "{k} {j}: {ratio}");
        }
    }
}

#[test]
fn bad_input_is_named() {
    let text = |found: adastra_core::Result<Track>| found.unwrap_err().to_string();
    assert!(text(Track::new(&[], 1.0)).contains("knots = 0: must be at least 1"));
    assert!(text(Track::new(&[f64::NAN], 1.0)).contains("knot = NaN"));
    assert!(text(Track::new(&[0.0], 0.0)).contains("width = 0: must be above 0"));
    let track = Track::new(&[0.0, 30.0], 1.0).unwrap();
    let far = track
        .apply(&(), array![[0.1, 2.0]])
        .unwrap_err()
        .to_string();
    assert!(
        far.contains("of the knot at 30 = 0: must be at least 1"),
        "{far}"
    );
    let track = Track::new(&[0.0], 1.0).unwrap();
    let one = track
        .standard_errors(&array![[0.1, 2.0]])
        .unwrap_err()
        .to_string();
    assert!(
        one.contains("effective number of stars at the knot 0 = 1"),
        "{one}"
    );
    assert!(track.apply(&(), Array2::<f64>::zeros((3, 0))).is_err());
    assert!(track.apply(&(), Array2::<f64>::zeros((0, 3))).is_err());
}

#[test]
fn one_star_goes_all_the_way() {
    let galaxy = Galaxy::new().with(Nfw).with(MiyamotoNagai);
    let p = NBodyParams::<f64>::new(0.5, 0.0, [4.37e11, 16.0, 6.8e10, 3.0, 0.28]);
    let place = SphereParams::new(1e4, 0.01).moving([-11.8, 0.79, 6.4], [-109.5, -254.5, -90.3]);
    let star = Sphere::plummer(1, 10.0, 1)
        .unwrap()
        .apply(&place, ())
        .unwrap();
    let system = NBody::new(SelfGravity::new(), galaxy);
    let run = Integration::new(system.clone(), Scheme::DriftKickDrift, 200);
    let growth = Growth::random(&run, &p, star.clone(), 1).unwrap();
    assert!(growth.factor().is_finite());
    let orbits = Orbits::of(&system, Scheme::default(), &p, star.clone(), 50, 10).unwrap();
    assert_eq!(orbits.len(), 1);

    let run = Evolve::new(run, Schedule::StoreAll);
    let (end, tape) = run.record(&p, star).unwrap();
    let sky = Sky::gd1(&Observer::default());
    let (seen, sky_saved) = sky.record(&(), end).unwrap();
    let data = array![
        [-30.0, 1.0, 8.0, -10.0, -5.0, 50.0],
        [-50.0, 0.0, 8.0, -9.0, -5.0, 0.0]
    ];
    let scales = [20.0, 4.0, 2.0, 2.0, 2.0, 40.0];
    for likeness in [
        Likeness::maximum_mean_discrepancy(&data, &scales).unwrap(),
        Likeness::kernel_density(&data, &scales).unwrap(),
        Likeness::sliced_wasserstein(&data, &scales, 8, 1).unwrap(),
    ] {
        let (value, saved) = likeness.record(&(), seen.clone()).unwrap();
        let bar = likeness.vjp(&(), saved, 1.0, &mut ()).unwrap();
        assert!(f64::is_finite(value) && bar.iter().all(|b| b.is_finite()));
    }
    let track = Track::new(&[seen[[0, 0]] + 1.0], 2.0).unwrap();
    let (found, saved) = track.record(&(), seen.clone()).unwrap();
    assert_eq!(found[[0, 3]], seen[[0, 3]]);
    let bar = track.vjp(&(), saved, found, &mut ()).unwrap();
    let bar = sky.vjp(&(), sky_saved, bar, &mut ()).unwrap();
    let mut p_bar = State::<f64>::zeros_like(&p);
    let x_bar = run.vjp(&p, tape, bar, &mut p_bar).unwrap();
    assert!(p_bar.galaxy.iter().all(|d| d.is_finite() && *d != 0.0));
    assert!(x_bar.position.iter().all(|d| d.is_finite()));
}
