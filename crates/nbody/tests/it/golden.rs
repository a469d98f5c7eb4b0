//! The reference case: a cluster with self-gravity in a halo and a disk, and its gradients.

use adastra_core::{Evolve, Operator, Report, ReversibleSchedule, Schedule, Storage};
use adastra_nbody::{
    Galaxy, GravityParams, Integration, MiyamotoNagai, NBody, NBodyParams, Nfw, ParticleState,
    Scheme, SelfGravity,
};
use ndarray::Array1;

use crate::common::{Case, off};

const STEPS: usize = 200;

fn system() -> NBody {
    NBody::new(
        SelfGravity::new(),
        Galaxy::new().with(Nfw).with(MiyamotoNagai),
    )
}

fn start(case: &Case) -> (NBodyParams<f64>, ParticleState<f64>) {
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
    );
    (p, x.unwrap())
}

/// `mean |x - x_ref|^2 + 0.1 mean |v|^2` and its gradient.
fn loss(case: &Case, y: &ParticleState<f64>) -> (f64, ParticleState<f64>) {
    let n = y.len() as f64;
    let distance = &y.position - &case.vector("x_ref");
    let value = (&distance * &distance).sum() / n + 0.1 * (&y.velocity * &y.velocity).sum() / n;
    let bar = ParticleState {
        position: 2.0 / n * distance,
        velocity: 0.2 / n * &y.velocity,
        mass: Array1::zeros(y.len()),
    };
    (value, bar)
}

#[test]
fn self_gravity() {
    let case = Case::load();
    let (p, x) = start(&case);
    let gravity = SelfGravity::new();
    let q = GravityParams {
        gravitational_constant: p.gravitational_constant,
        softening: p.softening,
    };
    let phi = gravity.potential(&q, &x.position, &x.mass).unwrap();
    assert!(off(&phi, &case.vector("pot_self_t0")) < 1e-13);
    let a = gravity.apply(&q, (x.position, x.mass)).unwrap();
    assert!(off(&a, &case.matrix("acc_self_t0")) < 1e-13);
}

#[test]
fn forward() {
    let case = Case::load();
    let (p, x) = start(&case);
    let run = |steps: usize, fraction: f64| {
        let integration = Integration::new(system(), Scheme::KickDriftKick, steps);
        let evolve = Evolve::new(integration, Schedule::StoreAll);
        let p = NBodyParams {
            span: fraction * p.span,
            ..p.clone()
        };
        evolve.apply(&p, x.clone()).unwrap()
    };
    for (found, position, velocity) in [
        (run(STEPS, 1.0), "pos_final", "vel_final"),
        (run(STEPS / 2, 0.5), "snap_x_100", "snap_v_100"),
    ] {
        let error = (&found.position - &case.matrix(position))
            .mapv(f64::abs)
            .sum();
        assert!(error < 1e-10, "{position}: {error:e}");
        let error = (&found.velocity - &case.matrix(velocity))
            .mapv(f64::abs)
            .sum();
        assert!(error < 1e-10, "{velocity}: {error:e}");
    }
}

fn check_gradients(evolve: &Evolve<f64, Integration>) -> Report {
    let case = Case::load();
    let (p, x) = start(&case);
    let found = evolve
        .value_and_gradient(&p, x, |y| Ok(loss(&case, y)))
        .unwrap();
    assert!((found.value / case.scalar("loss") - 1.0).abs() < 1e-12);

    // The masses derive from the total mass.
    let total = found.x_bar.mass.dot(&case.vector("mass_fraction"));
    let galaxy = &found.p_bar.galaxy;
    let gradient = [
        total,
        galaxy[0],
        galaxy[1],
        galaxy[2],
        galaxy[3],
        galaxy[4],
        found.p_bar.span,
        found.p_bar.gravitational_constant,
        found.p_bar.softening,
    ];
    let exact = case.vector("grad_exact");
    for (i, (found, exact)) in gradient.iter().zip(&exact).enumerate() {
        let error = (found / exact - 1.0).abs();
        assert!(
            error < 1e-8,
            "parameter {i}: {found:e}, expected {exact:e} ({error:e})"
        );
    }
    // What comes of a gradient that stops at the separations of pairs is far from it.
    let stopped = case.vector("grad_odisseo_head")[0];
    assert!((total / stopped - 1.0).abs() > 0.5);

    for (found, name) in [
        (&found.x_bar.position, "grad_exact_x0"),
        (&found.x_bar.velocity, "grad_exact_v0"),
    ] {
        let error = off(found, &case.matrix(name));
        assert!(error < 1e-8, "{name}: {error:e}");
    }
    let error = off(&found.x_bar.mass, &case.vector("grad_exact_mass"));
    assert!(error < 1e-8, "masses: {error:e}");
    found.report
}

fn run() -> Integration {
    Integration::new(system(), Scheme::KickDriftKick, STEPS)
}

#[test]
fn gradients_of_stored_steps() {
    check_gradients(&Evolve::new(run(), Schedule::StoreAll));
}

#[test]
fn gradients_of_checkpoints() {
    let schedule = Schedule::Checkpoint {
        budget_bytes: 64 * 7 * 8 * 10,
        storage: Storage::Memory,
    };
    let report = check_gradients(&Evolve::new(run(), schedule));
    assert!(report.peak_checkpoint_bytes <= 64 * 7 * 8 * 10);
}

#[test]
fn gradients_of_undone_steps() {
    let schedule = ReversibleSchedule::Reconstruct { anchors: 4 };
    let report = check_gradients(&Evolve::reversible(run(), schedule));
    assert_eq!(report.undone, STEPS + 1);
    assert!(report.peak_checkpoint_bytes <= 64 * 7 * 8 * 5);
}
