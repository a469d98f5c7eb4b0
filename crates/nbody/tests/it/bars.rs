//! Configured stars in galaxies that turn and grow, by other schemes, with derivatives over a horizon.

use std::path::Path;

use adastra_check::{check_adjoint_at, nearby};
use adastra_core::{Evolve, Operator, ReversibleSchedule, Schedule};
use adastra_gravity::Leapfrog;
use adastra_nbody::pipeline::StarsParams;
use adastra_nbody::{
    Galaxy, History, Integration, MiyamotoNagai, NBody, NBodyParams, Nfw, PairDerivative,
    ParticleState, Scheme, SelfGravity, TriaxialNfw,
};
use adastra_pipeline::{Simulation, Timed};
use proptest::prelude::*;

use crate::configured::{STARS, build, ends_where_it_is_put, final_state, tolerances};

/// A bar that turns and grows, with more options.
fn barred(options: &str) -> String {
    let (start, rest) = STARS.split_once("with = { galaxy").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    let rest = rest.replacen(
        "halo = {",
        "bar = { mass = \"4e10 Msun\", scale_radius = \"6 kpc\", axis_ratio_y = 0.5, \
         axis_ratio_z = 0.4, pattern_speed = 40, angle = 0.3, growth_rate = 2 }\nhalo = {",
        1,
    );
    let rest = rest.replace(", axis_ratio_y = 0.95, axis_ratio_z = 0.9", "");
    format!(
        "{start}with = {{ galaxy = {{ halo = \"nfw\", disk = \"miyamoto-nagai\", bar = {{ potential = \
         \"triaxial-nfw\", rotating = true, growth = \"linear\" }} }}{options} }}\n{rest}"
    )
}

fn simulation(options: &str) -> Simulation<f64> {
    build(&barred(options), Path::new("")).unwrap()
}

const SCHEMES: [&str; 4] = ["leapfrog", "yoshida4", "forest-ruth", "yoshida6"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Over state and time, softening, span and galaxy: its pattern speed and growth.
    #[test]
    fn gradients_are_exact(
        seed in any::<u64>(),
        kept in any::<bool>(),
        scheme in 0..SCHEMES.len(),
        end in any::<bool>(),
    ) {
        let zero = if end { "end" } else { "start" };
        let options = format!(", scheme = \"{}\", time_zero = \"{zero}\"", SCHEMES[scheme]);
        let simulation = simulation(&options);
        let background = simulation.background(&simulation.start).unwrap();
        let p = (nearby(&simulation.start.parameters, 0.05, seed), background);
        let mut x = nearby(&simulation.start.state, 0.02, seed);
        x.get_mut::<Timed<ParticleState<f64>, f64>>("stream").unwrap().time = 0.07;
        let leapfrog = Leapfrog::new(simulation.system().clone(), &[0.02, 0.03, 0.01]);
        let run = if kept {
            Evolve::new(leapfrog, Schedule::StoreAll)
        } else {
            Evolve::reversible(leapfrog, ReversibleSchedule::Reconstruct { anchors: 0 })
        };
        check_adjoint_at(&run, &p, &x, seed, &tolerances()).unwrap();
    }
}

/// The first state of a simulation, and the parameters of the same run of the library, whose
/// potentials are in the order of their names.
fn library(simulation: &Simulation<f64>) -> (NBody, NBodyParams<f64>, ParticleState<f64>) {
    let galaxy = Galaxy::new()
        .with(TriaxialNfw)
        .rotating()
        .growing(History::Linear)
        .with(MiyamotoNagai)
        .with(Nfw);
    let start = &simulation.start;
    let stars = start.parameters.get::<StarsParams<f64>>("stream").unwrap();
    let (span, softening) = (stars.span, stars.softening);
    let p = NBodyParams::new(span, softening, stars.galaxy.iter().copied());
    let x = start.state.get::<ParticleState<f64>>("stream").unwrap();
    (NBody::new(SelfGravity::new(), galaxy), p, x.clone())
}

fn distance(a: &ParticleState<f64>, b: &ParticleState<f64>) -> f64 {
    let far = (&a.position - &b.position).mapv(f64::abs);
    far.iter().fold(0.0, |most: f64, d| most.max(*d))
}

#[test]
fn runs_are_those_of_the_library() {
    let schemes = [
        Scheme::KickDriftKick,
        Scheme::Yoshida4,
        Scheme::ForestRuth,
        Scheme::Yoshida6,
    ];
    for (name, scheme) in SCHEMES.into_iter().zip(schemes) {
        for end in [false, true] {
            let zero = if end { "end" } else { "start" };
            let options = format!(", scheme = \"{name}\", time_zero = \"{zero}\"");
            let simulation = simulation(&options);
            let (system, p, x) = library(&simulation);
            let run = Integration::new(system, scheme, 10);
            let run = if end { run.ending_at(0.0) } else { run };
            let run = Evolve::new(run, Schedule::StoreAll);
            let expected = run.apply(&p, x.clone()).unwrap();
            let (_, found) = final_state(&simulation);
            assert!(distance(&found, &expected) < 1e-11, "{name} {zero}");
        }
    }
}

/// The bar counts, and so does when it has its angle.
#[test]
fn time_matters() {
    let (_, start) = final_state(&simulation(""));
    let (_, end) = final_state(&simulation(", time_zero = \"end\""));
    assert!(distance(&start, &end) > 1e-3);
    // Of a cluster that is put where it ends, whenever time is zero.
    for zero in ["start", "end"] {
        let options = format!(", self_gravity = false, time_zero = \"{zero}\"");
        ends_where_it_is_put(&barred(&options));
    }
}

/// A horizon of four of ten steps is that of the library.
#[test]
fn horizons_are_those_of_the_library() {
    // Steps of 0.02 of the run are 0.021 of the stars' time.
    for (option, pairs) in [
        ("\"exact\"", PairDerivative::Exact),
        ("\"frozen\"", PairDerivative::Frozen),
        ("{ horizon = 0.084 }", PairDerivative::Horizon { steps: 4 }),
        ("{ horizon = 0.3 }", PairDerivative::Exact),
    ] {
        let simulation = simulation(&format!(", pair_derivative = {option}"));
        let background = simulation.background(&simulation.start).unwrap();
        let p = (simulation.start.parameters.clone(), background);
        let leapfrog = Leapfrog::new(simulation.system().clone(), &[0.02; 10]);
        let run = Evolve::reversible(leapfrog, ReversibleSchedule::Reconstruct { anchors: 0 });
        let x = simulation.start.state.clone();
        let found = run.value_and_gradient(&p, x, |y| Ok((0.0, y.clone())));
        let found = found.unwrap().x_bar;
        let found = found.get::<ParticleState<f64>>("stream").unwrap();

        let (system, p, x) = library(&simulation);
        let run = Integration::new(system, Scheme::KickDriftKick, 10);
        let run = Evolve::new(run.with_pair_derivative(pairs), Schedule::StoreAll);
        let expected = run.value_and_gradient(&p, x, |y| Ok((0.0, y.clone())));
        let expected = expected.unwrap().x_bar;
        let size = expected
            .position
            .iter()
            .fold(0.0, |m: f64, d| m.max(d.abs()));
        assert!(distance(found, &expected) < 1e-8 * size, "{option}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (from, to, expected) in [
        (
            "rotating = true",
            "rotates = true",
            "unknown field `rotates`",
        ),
        (
            "\"linear\"",
            "\"cubic\"",
            "with.galaxy.bar: unknown variant `cubic`",
        ),
        (
            "\"triaxial-nfw\"",
            "\"triaxial\"",
            "with.galaxy.bar.potential",
        ),
        (
            "potential = \"triaxial-nfw\", ",
            "",
            "missing field `potential`",
        ),
        ("halo = \"nfw\"", "halo = 3", "with.galaxy.halo"),
        (
            "pattern_speed = 40, ",
            "",
            "parameters.bar.pattern_speed is missing",
        ),
        (
            ", growth_rate = 2",
            "",
            "parameters.bar.growth_rate is missing",
        ),
        (", growth = \"linear\"", "", "bar.growth_rate"),
        (
            "\"linear\" } }",
            "\"linear\" } }, time_zero = \"middle\"",
            "unknown variant `middle`",
        ),
        (
            "\"linear\" } }",
            "\"linear\" } }, scheme = \"euler\"",
            "unknown variant `euler`",
        ),
        (
            "\"linear\" } }",
            "\"linear\" } }, pair_derivative = { horizon = -1 }",
            "with.pair_derivative.horizon = -1: allowed: 0 or above",
        ),
        (
            "\"linear\" } }",
            "\"linear\" } }, pair_derivative = { steps = 1 }",
            "with.pair_derivative: unknown field `steps`",
        ),
    ] {
        let text = barred("");
        assert!(text.contains(from), "{from}");
        let error = build(&text.replacen(from, to, 1), Path::new("")).err();
        let error = error.map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{to}: {error}");
    }
}
