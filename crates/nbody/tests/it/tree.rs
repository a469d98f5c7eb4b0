//! The fast multipole method: errors against the direct sum, derivatives of the approximated
//! force, momentum, threads, bad input.

use adastra_check as check;
use adastra_core::{Adjoint, Evolve, Operator, ReversibleSchedule, Tangent};
use adastra_nbody::{
    Galaxy, GravityParams, Integration, Multipoles, NBody, NBodyParams, Nfw, PairPrecision,
    ParticleState, Scheme, SelfGravity,
};
use ndarray::{Array1, Array2, Axis, array};
use proptest::prelude::*;

const P: GravityParams<f64> = GravityParams {
    gravitational_constant: 1.5,
    softening: 0.02,
};

/// Small leaves, so that most of the force on a few hundred particles is that of far cells.
const SMALL: Multipoles = Multipoles {
    order: 4,
    opening_angle: 0.7,
    leaf_size: 4,
};

fn gravity(multipoles: Multipoles) -> SelfGravity {
    SelfGravity::multipoles(multipoles).unwrap()
}

/// Cells along an edge of the lattice of [`apart`].
const SITES: usize = 16;

/// Particles at different sites of a lattice whose planes are those of the tree, and within the
/// middle of one of 8^3 parts of their site: no step of a difference quotient changes the tree.
fn apart(n: usize) -> impl Strategy<Value = (Array2<f64>, Array1<f64>)> {
    let sites = proptest::sample::subsequence((0..(SITES - 2).pow(3)).collect::<Vec<_>>(), n);
    let parts = proptest::collection::vec((0..8usize, 0..8usize, 0..8usize), n);
    let places = check::real((n, 3), 0.4..0.6);
    (sites, parts, places, check::real(n, 0.1..1.0)).prop_map(|(sites, parts, places, mass)| {
        let mut x = places;
        for (i, (site, part)) in sites.into_iter().zip(parts).enumerate() {
            let side = SITES - 2;
            let site = [site % side, site / side % side, site / side / side];
            let part = [part.0, part.1, part.2];
            for k in 0..3 {
                x[[i, k]] = (site[k] as f64 + (part[k] as f64 + x[[i, k]]) / 8.0) / SITES as f64;
            }
        }
        (x, mass)
    })
}

fn params() -> impl Strategy<Value = GravityParams<f64>> {
    (0.5..2.0f64, 0.01..0.2f64).prop_map(|(gravitational_constant, softening)| GravityParams {
        gravitational_constant,
        softening,
    })
}

/// A reproducible number in (0, 1).
fn number(i: usize, k: usize) -> f64 {
    let irrational = [0.754_877_666, 0.569_840_291, 0.618_033_989, 0.437_811_9][k];
    (0.5 + irrational * (i + 1) as f64).fract()
}

/// A centrally concentrated sphere.
fn sphere(n: usize) -> (Array2<f64>, Array1<f64>) {
    let position = Array2::from_shape_fn((n, 3), |(i, k)| {
        let r = ((0.02 + 0.97 * number(i, 3)).powf(-2.0 / 3.0) - 1.0).powf(-0.5);
        let z = 2.0 * number(i, 0) - 1.0;
        let (sin, cos) = (std::f64::consts::TAU * number(i, 1)).sin_cos();
        let across = (1.0 - z * z).sqrt();
        r * [across * cos, across * sin, z][k]
    });
    let mass = Array1::from_shape_fn(n, |i| (0.5 + number(i, 2)) / n as f64);
    (position, mass)
}

/// A cube.
fn cube(n: usize) -> (Array2<f64>, Array1<f64>) {
    let position = Array2::from_shape_fn((n, 3), |(i, k)| number(i, k) - 0.5);
    (position, Array1::from_elem(n, 1.0 / n as f64))
}

/// Root mean square of the differences of rows, over that of the rows.
fn off(found: &Array2<f64>, expected: &Array2<f64>) -> f64 {
    let square = |a: &Array2<f64>| a.iter().map(|a| a * a).sum::<f64>();
    (square(&(found - expected)) / square(expected)).sqrt()
}

#[test]
fn derivatives() {
    let property = check::Property {
        cases: 3,
        ..check::Property::default()
    };
    for order in [1, 2, 4, 5, 7] {
        let fast = gravity(Multipoles { order, ..SMALL });
        property.tangent_of((params(), apart(150)), |(p, x)| (fast, p, x));
    }
}

#[test]
fn most_of_the_force_is_that_of_far_cells() {
    // What the other tests rely on: with a single moment the force is quite wrong.
    let (x, m) = sphere(200);
    let exact = SelfGravity::new()
        .apply(&P, (x.clone(), m.clone()))
        .unwrap();
    let rough = gravity(Multipoles { order: 1, ..SMALL });
    let rough = rough.apply(&P, (x, m)).unwrap();
    let error = off(&rough, &exact);
    assert!(error > 3e-3 && error < 0.3, "{error:e}");
}

#[test]
fn errors_fall_with_the_order_and_the_angle() {
    for (x, m) in [sphere(3000), cube(3000)] {
        let exact = SelfGravity::new();
        let force = exact.apply(&P, (x.clone(), m.clone())).unwrap();
        let potential = exact.potential(&P, &x, &m).unwrap().insert_axis(Axis(1));
        let mut before = [f64::INFINITY; 2];
        let error = |order: usize, opening_angle: f64| {
            let fast = gravity(Multipoles {
                order,
                opening_angle,
                leaf_size: 16,
            });
            let found = fast.apply(&P, (x.clone(), m.clone())).unwrap();
            let phi = fast.potential(&P, &x, &m).unwrap().insert_axis(Axis(1));
            [off(&found, &force), off(&phi, &potential)]
        };
        for (order, allowed) in [(1, 0.15), (2, 0.03), (4, 3e-3), (6, 4e-4), (8, 8e-5)] {
            let [a, phi] = error(order, 0.6);
            assert!(a < allowed && a < 0.5 * before[0], "order {order}: {a:e}");
            assert!(
                phi < allowed / 8.0 && phi < 0.5 * before[1],
                "{order}: {phi:e}"
            );
            before = [a, phi];
        }
        let [wide, narrow] = [error(5, 0.8), error(5, 0.4)];
        assert!(narrow[0] < 0.1 * wide[0], "{narrow:?} {wide:?}");
        // The default.
        let fast = gravity(Multipoles::default());
        let found = fast.apply(&P, (x.clone(), m.clone())).unwrap();
        assert!(off(&found, &force) < 1.5e-4);
    }
}

#[test]
fn without_far_cells_it_is_the_direct_sum() {
    for n in [1, 2, 3, 63, 64, 65, 300] {
        let (x, m) = sphere(n);
        let near = gravity(Multipoles {
            leaf_size: 1000,
            ..Multipoles::default()
        });
        for softening in [0.0, 0.05] {
            let p = GravityParams { softening, ..P };
            let run = |gravity: SelfGravity| {
                let w = x.mapv(|x| (3.0 * x).sin());
                let mut p_bar = GravityParams {
                    gravitational_constant: 0.0,
                    softening: 0.0,
                };
                let x = (x.clone(), m.clone());
                let a = gravity.apply(&p, x.clone()).unwrap();
                let bar = gravity.vjp(&p, x.clone(), w.clone(), &mut p_bar).unwrap();
                let da = gravity.jvp(&p, &p, x.clone(), (w, m.clone())).unwrap().1;
                let softening = array![[p_bar.softening]];
                [a, da, bar.0, bar.1.insert_axis(Axis(1)), softening]
            };
            for (found, expected) in run(near).iter().zip(&run(SelfGravity::new())) {
                let error = off(found, expected);
                assert!(
                    error < 1e-13 || expected.iter().all(|&a| a == 0.0),
                    "{n}: {error:e}"
                );
            }
        }
    }
}

#[test]
fn every_action_has_its_reaction() {
    let (x, m) = sphere(2000);
    let fast = gravity(Multipoles {
        leaf_size: 8,
        ..Multipoles::default()
    });
    let a = fast.apply(&P, (x, m.clone())).unwrap();
    for k in 0..3 {
        let force: f64 = (0..2000).map(|i| m[i] * a[[i, k]]).sum();
        let size: f64 = (0..2000).map(|i| (m[i] * a[[i, k]]).abs()).sum();
        assert!(force.abs() < 1e-13 * size, "{force:e} of {size:e}");
    }
}

#[test]
fn threads_do_not_change_the_bits() {
    let x = sphere(4000);
    let fast = gravity(Multipoles {
        leaf_size: 16,
        ..Multipoles::default()
    });
    let all = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let a = fast.apply(&P, x.clone()).unwrap();
            let mut p_bar = P;
            let bar = fast.vjp(&P, x.clone(), a.clone(), &mut p_bar).unwrap();
            let da = fast.jvp(&P, &P, x.clone(), x.clone()).unwrap();
            (a, bar, p_bar, da)
        })
    };
    assert_eq!(all(1), all(2));
}

#[test]
fn single_precision_agrees_with_double() {
    let (x, m) = sphere(3000);
    let small = Multipoles {
        leaf_size: 16,
        ..Multipoles::default()
    };
    let expected = gravity(small).apply(&P, (x.clone(), m.clone())).unwrap();
    let q = GravityParams {
        gravitational_constant: 1.5f32,
        softening: 0.02,
    };
    let single = (x.mapv(|x| x as f32), m.mapv(|m| m as f32));
    let found = gravity(small).apply(&q, single).unwrap().mapv(f64::from);
    assert!(off(&found, &expected) < 1e-5);
    // Pairs in f32 of a run in f64, far from the origin.
    let mixed = SelfGravity::with_pairs(PairPrecision::Single);
    let mixed = mixed.with_multipoles(small).unwrap();
    let found = mixed.apply(&P, (x + 1e3, m)).unwrap();
    assert!(
        off(&found, &expected) < 1e-4,
        "{:e}",
        off(&found, &expected)
    );
}

#[test]
fn runs_have_their_gradients() {
    let system = NBody::new(gravity(SMALL), Galaxy::new().with(Nfw));
    let velocity = check::normal((150, 3), 0.0, 0.3);
    let inputs = (params(), apart(150), velocity).prop_map(|(p, (position, mass), velocity)| {
        let run = NBodyParams {
            gravitational_constant: 1e-3 * p.gravitational_constant,
            softening: p.softening,
            // So short that no particle leaves its part of a site.
            span: 1e-3,
            galaxy: array![2.0, 1.5],
        };
        let x = ParticleState {
            position,
            velocity,
            mass,
        };
        (run, x)
    });
    let property = check::Property {
        cases: 2,
        ..check::Property::default()
    };
    property.reversible_of(inputs, |(p, x)| {
        let run = Integration::new(system.clone(), Scheme::KickDriftKick, 4);
        let schedule = ReversibleSchedule::Reconstruct { anchors: 1 };
        (Evolve::reversible(run, schedule), p, x)
    });
}

#[test]
fn crowds_and_runaways_are_no_trouble() {
    let fast = gravity(Multipoles {
        leaf_size: 8,
        ..Multipoles::default()
    });
    let check = |what: &str, x: Array2<f64>| {
        let m = Array1::from_elem(x.nrows(), 1.0 / x.nrows() as f64);
        let exact = SelfGravity::new()
            .apply(&P, (x.clone(), m.clone()))
            .unwrap();
        let found = fast.apply(&P, (x, m)).unwrap();
        let error = off(&found, &exact);
        // With all at one place there is no force.
        assert!(
            error < 5e-3 || exact.iter().all(|&a| a == 0.0) && exact == found,
            "{what}: {error:e}"
        );
    };
    let (x, _) = sphere(400);
    // A third of all at one place, or all of them, even where the numbers are coarse.
    let mut crowd = x.clone();
    for i in 0..130 {
        let one = crowd.row(200).to_owned();
        crowd.row_mut(i).assign(&one);
    }
    check("a third at one place", crowd);
    check("all at one place", Array2::from_elem((100, 3), -0.3));
    check("all far away", Array2::from_elem((100, 3), 1e30));
    check("all at the origin", Array2::zeros((100, 3)));
    // Neighbours closer and closer to each other.
    check(
        "closer and closer",
        Array2::from_shape_fn((300, 3), |(i, k)| 0.7f64.powi(i as i32) * number(i, k)),
    );
    // Some at 1e8 times the size of the others, and farther.
    for far in [1e8, 1e15, 1e100] {
        let mut x = x.clone();
        x.row_mut(3).fill(far);
        x.row_mut(77).assign(&array![far, -far, 0.3 * far]);
        check(&format!("runaways at {far:e}"), x);
    }
    check("tiny", x * 1e-30);
}

#[test]
fn bad_input_is_named() {
    let (x, m) = sphere(300);
    let fast = gravity(SMALL);
    let message = |p: &GravityParams<f64>, x: &Array2<f64>, m: &Array1<f64>| {
        let error = fast.apply(p, (x.clone(), m.clone())).unwrap_err();
        error.to_string()
    };
    let contains = |text: String, part: &str| assert!(text.contains(part), "{text}");
    let mut twins = x.clone();
    let twin = twins.row(17).to_owned();
    twins.row_mut(80).assign(&twin);
    let p = GravityParams {
        softening: 0.0,
        ..P
    };
    contains(message(&p, &twins, &m), "particles 17 and 80");
    for (bad, what) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        let mut wrong = x.clone();
        wrong[[3, 1]] = bad;
        contains(
            message(&P, &wrong, &m),
            &format!("position of particle 3 is {what}"),
        );
        let mut wrong = m.clone();
        wrong[5] = bad;
        contains(
            message(&P, &x, &wrong),
            &format!("mass of particle 5 is {what}"),
        );
        let p = GravityParams {
            softening: bad,
            ..P
        };
        contains(message(&p, &x, &m), &format!("softening = {what}"));
    }
    let mut far = x.clone();
    far[[9, 2]] = 1e200;
    contains(message(&P, &far, &m), "acceleration of particle 9");
    let x = (Array2::zeros((3, 3)), Array1::<f64>::zeros(4));
    assert!(fast.apply(&P, x).is_err());
    let empty = (Array2::zeros((0, 3)), Array1::<f64>::zeros(0));
    assert_eq!(fast.apply(&P, empty).unwrap().nrows(), 0);

    let refused = |multipoles: Multipoles, name: &str| {
        let error = SelfGravity::multipoles(multipoles).unwrap_err();
        contains(error.to_string(), name);
    };
    for order in [0, 9] {
        refused(Multipoles { order, ..SMALL }, "order");
    }
    for opening_angle in [0.0, 1.0, f64::NAN] {
        let wrong = Multipoles {
            opening_angle,
            ..SMALL
        };
        refused(wrong, "opening_angle");
    }
    let wrong = Multipoles {
        leaf_size: 0,
        ..SMALL
    };
    refused(wrong, "leaf_size");
}
