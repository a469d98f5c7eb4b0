//! Self-gravity: derivatives, a plain double loop, Newton's third law, threads, bad input.

use adastra_check as check;
use adastra_core::{Adjoint, Operator, Real};
use adastra_nbody::{GravityParams, PairPrecision, SelfGravity};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;

const P: GravityParams<f64> = GravityParams {
    gravitational_constant: 1.5,
    softening: 0.1,
};

fn params() -> impl Strategy<Value = GravityParams<f64>> {
    (0.5..2.0f64, 0.1..0.4f64).prop_map(|(gravitational_constant, softening)| GravityParams {
        gravitational_constant,
        softening,
    })
}

fn particles(n: usize) -> impl Strategy<Value = (Array2<f64>, Array1<f64>)> {
    (check::normal((n, 3), 0.0, 1.0), check::real(n, 0.1..1.0))
}

/// A fixed set of particles that no two registers share alike.
fn fixed<T: Real>(n: usize) -> (Array2<T>, Array1<T>) {
    let position = Array2::from_shape_fn((n, 3), |(i, k)| {
        T::of((1.7 * i as f64 + 0.9 * k as f64).sin() + 0.3 * (0.37 * (i * (k + 1)) as f64).cos())
    });
    (
        position,
        Array1::from_shape_fn(n, |i| T::of(1.0 + 0.5 * (i as f64).sin())),
    )
}

/// The definition, one pair at a time.
fn definition(p: &GravityParams<f64>, x: &Array2<f64>, m: &Array1<f64>) -> Array2<f64> {
    let mut a = Array2::zeros(x.raw_dim());
    for i in 0..m.len() {
        for j in (0..m.len()).filter(|&j| j != i) {
            let d: [f64; 3] = std::array::from_fn(|k| x[[j, k]] - x[[i, k]]);
            let s2 = d.iter().map(|d| d * d).sum::<f64>() + p.softening.powi(2);
            for k in 0..3 {
                a[[i, k]] += p.gravitational_constant * m[j] * d[k] / (s2 * s2.sqrt());
            }
        }
    }
    a
}

fn largest(a: &Array2<f64>) -> f64 {
    a.iter().fold(0.0, |most, x| x.abs().max(most))
}

#[test]
fn derivatives() {
    check::tangent_of(
        (params(), (1..70usize).prop_flat_map(particles)),
        |(p, x)| (SelfGravity::new(), p, x),
    );
    // Several tiles of sources, and threads.
    let cases = check::Property {
        cases: 2,
        ..check::Property::default()
    };
    cases.tangent_of((params(), particles(700)), |(p, x)| {
        (SelfGravity::new(), p, x)
    });
}

/// Of which some have no mass, or masses that differ by many decades: by other sums than those of
/// particles that are alike.
#[test]
fn derivatives_without_mass() {
    let light = particles(20).prop_map(|(x, mut m)| {
        m[3] = 0.0;
        m[8] *= 1e-9;
        (x, m)
    });
    check::tangent_of((params(), light), |(p, x)| (SelfGravity::new(), p, x));
}

/// Both kinds of sums pull back the same where the lightest particle hardly counts.
#[test]
fn light_particles_pull_back_as_massless_ones() {
    let (x, mut m) = fixed::<f64>(150);
    let w = x.mapv(|x| (3.0 * x).cos());
    let back = |least: f64, m: &mut Array1<f64>| {
        m[7] = least;
        let mut p_bar = GravityParams {
            gravitational_constant: 0.0,
            softening: 0.0,
        };
        let gravity = SelfGravity::new();
        let (x_bar, m_bar) = gravity
            .vjp(&P, (x.clone(), m.clone()), w.clone(), &mut p_bar)
            .unwrap();
        (x_bar, m_bar, p_bar)
    };
    // Within six decades, and beyond.
    let (alike, unlike) = (back(1.00001e-6, &mut m), back(0.99999e-6, &mut m));
    assert!(largest(&(&alike.0 - &unlike.0)) < 1e-9 * largest(&alike.0));
    let masses = &alike.1 - &unlike.1;
    assert!(masses.iter().all(|d| d.abs() < 1e-8), "{masses}");
    let softening = alike.2.softening / unlike.2.softening;
    assert!((softening - 1.0).abs() < 1e-9, "{softening}");
    let g = alike.2.gravitational_constant / unlike.2.gravitational_constant;
    assert!((g - 1.0).abs() < 1e-9, "{g}");
}

#[test]
fn sums_are_those_of_the_definition() {
    for n in [1, 2, 63, 64, 65, 300, 1000] {
        let (x, m) = fixed(n);
        for softening in [0.0, 0.05] {
            let p = GravityParams { softening, ..P };
            let expected = definition(&p, &x, &m);
            let scale = largest(&expected).max(1e-300);
            let a = SelfGravity::new()
                .apply(&p, (x.clone(), m.clone()))
                .unwrap();
            assert!(largest(&(a - &expected)) < 3e-14 * scale, "n = {n}, f64");
            let single = SelfGravity::with_pairs(PairPrecision::Single);
            let a = single.apply(&p, (x.clone(), m.clone())).unwrap();
            assert!(
                largest(&(a - &expected)) < 1e-4 * scale,
                "n = {n}, f32 pairs"
            );
        }
    }
}

#[test]
fn inverse_powers_are_right_to_rounding_at_any_distance() {
    for exponent in -60..60 {
        let d = 10f64.powi(exponent) * 1.234;
        let x = (array![[0.0, 0.0, 0.0], [d, 0.0, 0.0]], array![0.0, 1.0]);
        let p = GravityParams {
            gravitational_constant: 1.0,
            softening: 0.0,
        };
        let a = SelfGravity::new().apply(&p, x.clone()).unwrap()[[0, 0]];
        assert!(
            (a * d * d - 1.0).abs() < 1e-15,
            "{d:e}: {:e}",
            a * d * d - 1.0
        );
        let phi = SelfGravity::new().potential(&p, &x.0, &x.1).unwrap()[0];
        assert!((phi * d + 1.0).abs() < 1e-15, "{d:e}");
    }
}

#[test]
fn single_precision_agrees_with_double() {
    let (x, m) = fixed::<f32>(200);
    let p = GravityParams {
        gravitational_constant: 1.0f32,
        softening: 0.2,
    };
    let double = (x.mapv(f64::from), m.mapv(f64::from));
    let q = GravityParams {
        gravitational_constant: 1.0,
        softening: f64::from(p.softening),
    };
    let gravity = SelfGravity::new();
    let single = (x, m);
    check::check_precision_at(
        (&gravity, &p, &single),
        (&gravity, &q, &double),
        3,
        &check::Tolerances::default(),
    )
    .unwrap();
}

#[test]
fn pairs_in_single_precision_have_their_gradient() {
    // Far from the origin, where f32 positions alone would hold no digit of a separation.
    let (mut x, m) = fixed::<f64>(200);
    x += 1e6;
    let w = fixed::<f64>(200).0;
    let pull = |gravity: SelfGravity| {
        let mut p_bar = GravityParams {
            gravitational_constant: 0.0,
            softening: 0.0,
        };
        let bar = gravity
            .vjp(&P, (x.clone(), m.clone()), w.clone(), &mut p_bar)
            .unwrap();
        (bar, p_bar)
    };
    let (exact, p_exact) = pull(SelfGravity::new());
    let (bar, p_bar) = pull(SelfGravity::with_pairs(PairPrecision::Single));
    assert!(largest(&(bar.0 - &exact.0)) < 1e-4 * largest(&exact.0));
    assert!((p_bar.softening / p_exact.softening - 1.0).abs() < 1e-4);
}

#[test]
fn every_action_has_its_reaction() {
    let (x, m) = fixed(1000);
    let a = SelfGravity::new().apply(&P, (x, m.clone())).unwrap();
    for k in 0..3 {
        let force: f64 = (0..1000).map(|i| m[i] * a[[i, k]]).sum();
        let size: f64 = (0..1000).map(|i| (m[i] * a[[i, k]]).abs()).sum();
        assert!(force.abs() < 1e-14 * size, "{force:e} of {size:e}");
    }
}

#[test]
fn threads_do_not_change_the_bits() {
    let (x, m) = fixed::<f64>(1500);
    let gravity = SelfGravity::new();
    let all = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let a = gravity.apply(&P, (x.clone(), m.clone())).unwrap();
            let mut p_bar = GravityParams {
                gravitational_constant: 0.0,
                softening: 0.0,
            };
            let bar = gravity
                .vjp(&P, (x.clone(), m.clone()), a.clone(), &mut p_bar)
                .unwrap();
            (a, bar, p_bar)
        })
    };
    assert_eq!(all(1), all(3));
}

#[test]
fn coincident_particles_are_named() {
    let (mut x, m) = fixed::<f64>(100);
    let twin = x.row(17).to_owned();
    x.row_mut(80).assign(&twin);
    let p = GravityParams {
        softening: 0.0,
        ..P
    };
    let error = SelfGravity::new()
        .apply(&p, (x.clone(), m.clone()))
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("particles 17 and 80"), "{text}");
    // With softening they do not attract each other.
    assert!(SelfGravity::new().apply(&P, (x.clone(), m.clone())).is_ok());
    x[[3, 1]] = f64::NAN;
    let text = SelfGravity::new()
        .apply(&P, (x, m))
        .unwrap_err()
        .to_string();
    assert!(text.contains("position of particle 3"), "{text}");
}

#[test]
fn wrong_shapes_are_errors() {
    let x = (Array2::zeros((3, 3)), Array1::<f64>::zeros(4));
    assert!(SelfGravity::new().apply(&P, x).is_err());
    let empty = (Array2::zeros((0, 3)), Array1::<f64>::zeros(0));
    assert_eq!(SelfGravity::new().apply(&P, empty).unwrap().nrows(), 0);
}
