//! Derivatives that keep less of the pairs, and the growth of perturbations.

use adastra_core::{Adjoint, Evolve, Operator, ReversibleSchedule, Schedule, State, Tangent};
use adastra_nbody::{
    Galaxy, Growth, Integration, NBody, NBodyParams, PairDerivative, ParticleState, Plummer,
    PointMass, Scheme, SelfGravity,
};
use ndarray::{Array1, Array2, array};

use crate::common::Case;

const STEPS: usize = 12;

fn unit(span: f64, softening: f64, galaxy: &[f64]) -> NBodyParams<f64> {
    NBodyParams {
        gravitational_constant: 1.0,
        softening,
        span,
        galaxy: galaxy.iter().copied().collect(),
    }
}

fn cluster(n: usize) -> ParticleState<f64> {
    let number = |i: usize, k: usize| (12.9898 * i as f64 + 78.233 * (k + 1) as f64).sin();
    ParticleState {
        position: Array2::from_shape_fn((n, 3), |(i, k)| number(i, k)),
        velocity: Array2::from_shape_fn((n, 3), |(i, k)| 0.4 * number(i, k + 3)),
        mass: Array1::from_shape_fn(n, |i| (1.0 + 0.5 * number(i, 9)) / n as f64),
    }
}

fn run(scheme: Scheme, pairs: PairDerivative) -> Evolve<f64, Integration> {
    let system = NBody::new(SelfGravity::new(), Galaxy::new().with(Plummer));
    let run = Integration::new(system, scheme, STEPS).with_pair_derivative(pairs);
    Evolve::new(run, Schedule::StoreAll)
}

fn params() -> NBodyParams<f64> {
    unit(1.2, 0.3, &[2.0, 1.5])
}

/// Half the squared length of the last state, masses apart.
fn loss(y: &ParticleState<f64>) -> (f64, ParticleState<f64>) {
    let value = 0.5 * (y.position.mapv(|x| x * x).sum() + y.velocity.mapv(|v| v * v).sum());
    let mut bar = y.clone();
    bar.mass.fill(0.0);
    (value, bar)
}

/// All derivatives as one list: parameters, positions, velocities, masses.
fn flat(p: &NBodyParams<f64>, x: &ParticleState<f64>) -> Vec<f64> {
    let mut all = vec![p.gravitational_constant, p.softening, p.span];
    all.extend(&p.galaxy);
    all.extend(&x.position);
    all.extend(&x.velocity);
    all.extend(&x.mass);
    all
}

fn gradient(scheme: Scheme, pairs: PairDerivative) -> Vec<f64> {
    let found = run(scheme, pairs)
        .value_and_gradient(&params(), cluster(7), |y| Ok(loss(y)))
        .unwrap();
    flat(&found.p_bar, &found.x_bar)
}

/// Kick-drift-kick written out, with the separations of the pairs at each kick taken from a list:
/// they are recorded into it before step `exact_from`, on the first call.
fn by_hand(q: &[f64], separations: &mut Vec<Array2<f64>>, exact_from: usize) -> f64 {
    let n = (q.len() - 5) / 7;
    let [g, softening, span, mass, scale] = [q[0], q[1], q[2], q[3], q[4]];
    let mut x = Array2::from_shape_vec((n, 3), q[5..5 + 3 * n].to_vec()).unwrap();
    let mut v = Array2::from_shape_vec((n, 3), q[5 + 3 * n..5 + 6 * n].to_vec()).unwrap();
    let m = &q[5 + 6 * n..];
    let h = span / STEPS as f64;
    let mut kick = |k: usize, x: &Array2<f64>, v: &mut Array2<f64>, h: f64| {
        if separations.len() == k {
            separations.push(x.clone());
        }
        let recorded = if k < exact_from { &separations[k] } else { x };
        for i in 0..n {
            let r2: f64 = (0..3).map(|c| x[[i, c]].powi(2)).sum();
            for c in 0..3 {
                v[[i, c]] -= h * g * mass * x[[i, c]] * (r2 + scale * scale).powf(-1.5);
            }
            for j in (0..n).filter(|&j| j != i) {
                let d = &recorded.row(j) - &recorded.row(i);
                let r2 = d.dot(&d) + softening * softening;
                for c in 0..3 {
                    v[[i, c]] += h * g * m[j] * d[c] * r2.powf(-1.5);
                }
            }
        }
    };
    for step in 0..STEPS {
        kick(step, &x, &mut v, if step == 0 { 0.5 * h } else { h });
        x.scaled_add(h, &v);
    }
    kick(STEPS, &x, &mut v, 0.5 * h);
    0.5 * (x.mapv(|x| x * x).sum() + v.mapv(|v| v * v).sum())
}

/// Differences of [`by_hand`], of fourth order.
fn differences(exact_from: usize) -> Vec<f64> {
    let x = cluster(7);
    let q = flat(&params(), &x);
    let mut separations = Vec::new();
    by_hand(&q, &mut separations, usize::MAX);
    assert_eq!(separations.len(), STEPS + 1);
    let slope = |i: usize| {
        let h = 3e-4;
        let mut at = |steps: f64| {
            let mut q = q.clone();
            q[i] += steps * h;
            by_hand(&q, &mut separations, exact_from)
        };
        (8.0 * (at(1.0) - at(-1.0)) - at(2.0) + at(-2.0)) / (12.0 * h)
    };
    (0..q.len()).map(slope).collect()
}

fn assert_close(found: &[f64], expected: &[f64]) {
    let size = expected.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() < 2e-9 * size, "{i}: {a:e}, expected {b:e}");
    }
}

#[test]
fn derivatives_are_those_of_runs_with_recorded_separations() {
    let kdk = Scheme::KickDriftKick;
    for (pairs, exact_from) in [
        (PairDerivative::Exact, 0),
        (PairDerivative::Frozen, usize::MAX),
        (PairDerivative::Horizon { steps: 5 }, STEPS - 5),
    ] {
        assert_close(&gradient(kdk, pairs), &differences(exact_from));
    }
}

#[test]
fn a_horizon_of_the_whole_run_is_exact_to_the_bit() {
    for scheme in [
        Scheme::KickDriftKick,
        Scheme::DriftKickDrift,
        Scheme::Yoshida4,
        Scheme::ForestRuth,
    ] {
        let with = |steps| gradient(scheme, PairDerivative::Horizon { steps });
        let (exact, frozen) = (
            gradient(scheme, PairDerivative::Exact),
            gradient(scheme, PairDerivative::Frozen),
        );
        assert_eq!(with(STEPS), exact, "{scheme:?}");
        assert_eq!(with(usize::MAX), exact);
        assert_eq!(with(0), frozen);
        let mut all = vec![frozen];
        all.extend((1..=STEPS).map(with));
        for (steps, pair) in all.windows(2).enumerate() {
            assert_ne!(pair[0], pair[1], "{scheme:?}: {steps} and one more");
        }
    }
}

#[test]
fn forward_and_reverse_derivatives_agree_and_undoing_does_too() {
    let (p, x) = (params(), cluster(7));
    for pairs in [PairDerivative::Frozen, PairDerivative::Horizon { steps: 4 }] {
        let run = run(Scheme::KickDriftKick, pairs);
        let (mut dp, mut dx) = (p.clone(), cluster(8));
        dp.galaxy[0] = -0.3;
        for rows in [&mut dx.position, &mut dx.velocity] {
            *rows = rows.slice(ndarray::s![1.., ..]).to_owned();
        }
        dx.mass = dx.mass.slice(ndarray::s![1..]).to_owned();
        let (_, dy) = run.jvp(&p, &dp, x.clone(), dx.clone()).unwrap();
        let (y, tape) = run.record(&p, x.clone()).unwrap();
        let mut p_bar = State::<f64>::zeros_like(&p);
        let x_bar = run.vjp(&p, tape, y.clone(), &mut p_bar).unwrap();
        let forth = State::<f64>::dot(&y, &dy);
        let back = State::<f64>::dot(&x_bar, &dx) + State::<f64>::dot(&p_bar, &dp);
        assert!((forth / back - 1.0).abs() < 1e-12, "{forth:e} {back:e}");

        let undone = run.steps().clone();
        let undone = Evolve::reversible(undone, ReversibleSchedule::Reconstruct { anchors: 0 });
        let found = undone.value_and_gradient(&p, x.clone(), |y| Ok((0.0, y.clone())));
        let found = found.unwrap();
        assert_close(&flat(&found.p_bar, &found.x_bar), &flat(&p_bar, &x_bar));
    }
}

#[test]
fn the_frozen_derivative_is_what_the_peer_returns() {
    let case = Case::load();
    // M_tot, M_nfw, r_s, M_mn, a, b, t_end, G, softening
    let q = case.vector("param_values");
    let p = NBodyParams {
        gravitational_constant: q[7],
        softening: q[8],
        span: q[6],
        galaxy: q.slice(ndarray::s![1..6]).to_owned(),
    };
    let x = ParticleState::new(
        case.matrix("pos0"),
        case.matrix("vel0"),
        case.vector("mass"),
    )
    .unwrap();
    let galaxy = Galaxy::new()
        .with(adastra_nbody::Nfw)
        .with(adastra_nbody::MiyamotoNagai);
    let run = Integration::new(
        NBody::new(SelfGravity::new(), galaxy),
        Scheme::KickDriftKick,
        200,
    )
    .with_pair_derivative(PairDerivative::Frozen);
    let target = case.vector("x_ref");
    let found = Evolve::new(run, Schedule::StoreAll)
        .value_and_gradient(&p, x, |y| {
            let n = y.len() as f64;
            let bar = ParticleState {
                position: 2.0 / n * (&y.position - &target),
                velocity: 0.2 / n * &y.velocity,
                mass: Array1::zeros(y.len()),
            };
            Ok((0.0, bar))
        })
        .unwrap();
    let peer = case.vector("grad_odisseo_head");
    let total = found.x_bar.mass.dot(&case.vector("mass_fraction"));
    let mut ours = vec![total];
    ours.extend(&found.p_bar.galaxy);
    ours.extend([found.p_bar.span, found.p_bar.gravitational_constant]);
    for (i, (ours, peer)) in ours.iter().zip(&peer).enumerate() {
        assert!((ours / peer - 1.0).abs() < 1e-8, "{i}: {ours:e} {peer:e}");
    }
}

#[test]
fn regular_motion_has_no_exponential_growth() {
    // A hundred turns of an eccentric orbit; the tangent grows in proportion to time.
    let kepler = NBody::test_particles(Galaxy::new().with(PointMass));
    let run = Integration::new(kepler, Scheme::Yoshida4, 20_000);
    let x = ParticleState {
        position: array![[1.3, 0.0, 0.0]],
        velocity: array![[0.0, 0.6, 0.4]],
        mass: array![1.0],
    };
    let p = unit(100.0 * std::f64::consts::TAU, 0.0, &[1.0]);
    let growth = Growth::random(&run, &p, x.clone(), 3).unwrap();
    assert!(growth.exponent() * p.span < 4.0, "{}", growth.exponent());
    assert!(growth.factor() > 50.0 && growth.factor() < 1e5);
    // Ten times the time, about ten times the perturbation, the swing of each turn apart.
    let most = |l: &[f64]| l.iter().copied().fold(f64::MIN, f64::max);
    let tenth = &growth.logarithm[..growth.logarithm.len() / 10];
    let ratio = (most(&growth.logarithm) - most(tenth)).exp();
    assert!((7.0..14.0).contains(&ratio), "{ratio}");

    // Inside a homogeneous sphere all perturbations oscillate.
    let harmonic = NBody::test_particles(Galaxy::new().with(Plummer));
    let run = Integration::new(harmonic, Scheme::KickDriftKick, 5000);
    let mut x = x;
    x.position *= 1e-5;
    x.velocity *= 1e-5;
    let growth = Growth::random(&run, &unit(200.0, 0.0, &[1.0, 1.0]), x, 3).unwrap();
    assert!(growth.logarithm.iter().all(|l| l.abs() < 2.0));
}

#[test]
fn a_small_cluster_is_chaotic_and_its_growth_that_of_a_finite_perturbation() {
    let run = Integration::new(
        NBody::isolated(SelfGravity::new()),
        Scheme::KickDriftKick,
        2000,
    );
    let p = unit(5.0, 0.05, &[]);
    let x = cluster(12);
    let mut d = State::<f64>::zeros_like(&x);
    d.position[[3, 1]] = 1.0;
    d.velocity[[5, 0]] = -0.5;
    let growth = Growth::along(&run, &p, x.clone(), d.clone()).unwrap();
    assert!(growth.exponent() * p.span > 5.0, "{}", growth.exponent());
    let time = growth.lyapunov_time();
    assert!((time * growth.exponent() - 1.0).abs() < 1e-12);

    // The positions at the end, in the unit of the growth's length, some 1e-9 apart at first.
    let evolve = Evolve::<f64, _>::new(run.clone(), Schedule::StoreAll);
    let h = 1e-9;
    let at = |sign: f64| {
        let mut x = x.clone();
        State::<f64>::axpy(&mut x, sign * h, &d);
        evolve.apply(&p, x).unwrap()
    };
    let (above, below) = (at(1.0), at(-1.0));
    let spread = |rows: &Array2<f64>| {
        let mean = rows.mean_axis(ndarray::Axis(0)).unwrap();
        (rows - &mean).mapv(|x| x * x).sum() / rows.nrows() as f64
    };
    let length = |position: &Array2<f64>, velocity: &Array2<f64>| {
        let squares = |rows: &Array2<f64>| rows.mapv(|x| x * x).sum();
        let parts =
            squares(position) / spread(&x.position) + squares(velocity) / spread(&x.velocity);
        parts.sqrt()
    };
    let last = length(
        &((&above.position - &below.position) / (2.0 * h)),
        &((&above.velocity - &below.velocity) / (2.0 * h)),
    );
    let ratio = last / length(&d.position, &d.velocity);
    assert!(
        (ratio / growth.factor() - 1.0).abs() < 1e-3,
        "{ratio:e} {:e}",
        growth.factor()
    );
    // A random direction turns to the same one.
    let other = Growth::random(&run, &p, x.clone(), 1).unwrap();
    assert!((other.exponent() / growth.exponent() - 1.0).abs() < 0.1);

    // The derivative with frozen pairs would not tell.
    let frozen = run.with_pair_derivative(PairDerivative::Frozen);
    assert_eq!(Growth::along(&frozen, &p, x, d).unwrap(), growth);
}

#[test]
fn bad_perturbations_are_named() {
    let run = Integration::new(NBody::isolated(SelfGravity::new()), Scheme::default(), 3);
    let (p, x) = (unit(1.0, 0.1, &[]), cluster(4));
    let zero = State::<f64>::zeros_like(&x);
    let text = |found: adastra_core::Result<Growth>| found.unwrap_err().to_string();
    let still = text(Growth::along(&run, &p, x.clone(), zero));
    assert!(still.contains("length of the perturbation = 0"), "{still}");
    let none = Integration::new(NBody::isolated(SelfGravity::new()), Scheme::default(), 0);
    let none = text(Growth::random(&none, &p, x.clone(), 1));
    assert!(none.contains("steps of the run = 0"), "{none}");
    let mut here = x;
    here.position.fill(1.0);
    let here = text(Growth::random(&run, &p, here, 1));
    assert!(here.contains("spread of the positions = 0"), "{here}");
}
