//! Initial conditions of configurations: derivatives, and what is refused.

use std::path::Path;

use adastra_check::{check_adjoint_at, nearby};
use adastra_nbody::pipeline::{
    ClusterParams, DiskPlugin, OwnDiskParams, SpherePlugin, SprayParams, SprayPlugin, StarsParams,
};
use adastra_nbody::{
    Galaxy, MiyamotoNagai, NBodyParams, ParticleSpray, ParticleState, ProgenitorParams, TriaxialNfw,
};
use adastra_pipeline::{GeneratorPlugin, Simulation};
use ndarray::arr1;
use proptest::prelude::*;

use crate::configured::{Beginning, STARS, build, final_state, tolerances};

/// The stars of [`STARS`] with another beginning.
fn beginning(initial: &str, options: &str) -> String {
    let (stars, _) = STARS.split_once("[matter.initial]").unwrap();
    let stars = stars.replace(
        "galaxy = { halo = \"triaxial-nfw\"",
        &format!("{options}galaxy = {{ halo = {{ potential = \"triaxial-nfw\", rotating = true }}"),
    );
    let stars = stars.replace(
        "axis_ratio_z = 0.9",
        "axis_ratio_z = 0.9, pattern_speed = 8, angle = 1",
    );
    format!("{stars}[matter.initial]\n{initial}")
}

const DISK: &str = r#"
use = "nbody.disk"
with = { count = 15 }
parameters = { mass = "4e10 Msun", scale_length = "2.6 kpc", scale_height = "300 pc", dispersion = "40 km/s" }
"#;

const SPRAY: &str = r#"
use = "nbody.spray"
with = { count = 9, steps = 12 }
parameters = { age = 0.3, mass = "1e5 Msun", scale_radius = "20 pc", position = [-11.8, 0.79, 6.4], velocity = [-109.5, -254.5, -90.3] }
"#;

fn simulation(initial: &str, options: &str) -> Simulation<f64> {
    build(&beginning(initial, options), Path::new("")).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Over cluster, span and galaxy.
    #[test]
    fn spheres_have_exact_gradients(seed in any::<u64>(), end in any::<bool>()) {
        let sphere = "use = \"nbody.sphere\"\nwith = { model = \"nfw\", count = 9, trace_back = 15 }\n\
            parameters = { mass = \"1e8 Msun\", scale_radius = \"300 pc\", \
            position = [-11.8, 0.79, 6.4], velocity = [-109.5, -254.5, -90.3] }";
        let simulation = simulation(sphere, if end { "time_zero = \"end\", " } else { "" });
        let own = simulation.start.initial.get::<ClusterParams<f64>>("stream.initial").unwrap();
        let stars = simulation.start.parameters.get::<StarsParams<f64>>("stream").unwrap();
        let p = (nearby(own, 0.05, seed), nearby(stars, 0.05, seed));
        let options = toml::from_str("model = \"nfw\"\ncount = 9\ntrace_back = 15").unwrap();
        let generator = SpherePlugin::generator::<f64>(options, simulation.site()).unwrap();
        check_adjoint_at(&Beginning(generator), &p, &(), seed, &tolerances()).unwrap();
    }

    /// Over disk and galaxy, and over the span where the galaxy is given for its end.
    #[test]
    fn disks_have_exact_gradients(seed in any::<u64>(), end in any::<bool>()) {
        let simulation = simulation(DISK, if end { "time_zero = \"end\", " } else { "" });
        let own = simulation.start.initial.get::<OwnDiskParams<f64>>("stream.initial").unwrap();
        let stars = simulation.start.parameters.get::<StarsParams<f64>>("stream").unwrap();
        let p = (nearby(own, 0.05, seed), nearby(stars, 0.05, seed));
        let options = toml::from_str("count = 15").unwrap();
        let generator = DiskPlugin::generator::<f64>(options, simulation.site()).unwrap();
        check_adjoint_at(&Beginning(generator), &p, &(), seed, &tolerances()).unwrap();
    }

    /// Over age and progenitor, and over the galaxy.
    #[test]
    fn sprays_have_exact_gradients(seed in any::<u64>()) {
        let simulation = simulation(SPRAY, "");
        let own = simulation.start.initial.get::<SprayParams<f64>>("stream.initial").unwrap();
        let stars = simulation.start.parameters.get::<StarsParams<f64>>("stream").unwrap();
        let p = (nearby(own, 0.05, seed), nearby(stars, 0.05, seed));
        let options = toml::from_str("count = 9\nsteps = 12").unwrap();
        let generator = SprayPlugin::generator::<f64>(options, simulation.site()).unwrap();
        check_adjoint_at(&Beginning(generator), &p, &(), seed, &tolerances()).unwrap();
    }
}

/// With a span of zero the run ends with the stream of the library.
#[test]
fn sprays_are_those_of_the_library() {
    use adastra_core::Operator;
    let text = beginning(SPRAY, "self_gravity = false, ").replace("span = 0.21", "span = 0");
    let (_, stars) = final_state(&build(&text, Path::new("")).unwrap());
    // In the order of their names.
    let galaxy = Galaxy::new()
        .with(MiyamotoNagai)
        .with(TriaxialNfw)
        .rotating();
    let values = [6.8e10, 3.0, 0.28, 4.37e11, 16.0, 0.95, 0.9, 8.0, 1.0];
    let run = NBodyParams::new(0.3, 0.0, values);
    let (place, motion) = ([-11.8, 0.79, 6.4], [-109.5, -254.5, -90.3]);
    let p = ProgenitorParams::new(run, 1e5, 0.02, place, motion);
    let spray = ParticleSpray::new(9, galaxy, 12, 3).unwrap();
    let expected: ParticleState<f64> = spray.apply(&p, ()).unwrap();
    let off = (&stars.position - &expected.position).mapv(f64::abs).sum();
    assert!(off < 1e-11, "{off}");
    assert_eq!(stars.mass, arr1(&[1e5 / 9.0; 9]));
}

/// A disk of test particles keeps its radii while it turns.
#[test]
fn disks_stay() {
    let text = beginning(DISK, "self_gravity = false, ")
        .replace("axis_ratio_y = 0.95", "axis_ratio_y = 1")
        .replace("count = 15", "count = 2000")
        .replace("steps = 10", "steps = 1000");
    let simulation = build(&text, Path::new("")).unwrap();
    let radius = |x: &ParticleState<f64>| {
        let rows = x.position.rows().into_iter();
        rows.map(|x| x[0].hypot(x[1])).sum::<f64>() / x.len() as f64
    };
    let first = simulation
        .start
        .state
        .get::<ParticleState<f64>>("stream")
        .unwrap();
    let (_, last) = final_state(&simulation);
    assert!((radius(&last) / radius(first) - 1.0).abs() < 0.05);
    let turned = (&last.position - &first.position)
        .mapv(f64::abs)
        .mean()
        .unwrap();
    assert!(turned > 1.0, "{turned}");
}

#[test]
fn what_is_wrong_is_named() {
    for (text, from, to, expected) in [
        (DISK, "count = 15", "count = 0", "n = 0: must be at least 1"),
        (
            DISK,
            "count = 15",
            "count = 15, truncation = -1",
            "truncation = -1: must be above 0",
        ),
        (
            DISK,
            "\"2.6 kpc\"",
            "0",
            "scale_length = 0: must be above 0",
        ),
        (
            DISK,
            "\"40 km/s\"",
            "-1",
            "dispersion = -1: must be 0 or above",
        ),
        (DISK, "mass = \"4e10 Msun\", ", "", "missing field `mass`"),
        (SPRAY, "count = 9", "count = 0", "n = 0: must be at least 1"),
        (
            SPRAY,
            "steps = 12",
            "steps = 0",
            "steps = 0: must be at least 1",
        ),
        (
            SPRAY,
            "age = 0.3",
            "age = -0.3",
            "age = -0.3: must be above 0",
        ),
        (SPRAY, "age = 0.3, ", "", "missing field `age`"),
        (SPRAY, "\"1e5 Msun\"", "0", "mass = 0: must be above 0"),
        (SPRAY, "6.4]", "\"6.4 Msun\"]", "is not a length"),
    ] {
        let text = beginning(text, "");
        assert!(text.contains(from), "{from}");
        let error = build(&text.replacen(from, to, 1), Path::new("")).err();
        let error = error.map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{to}: {error}");
    }
    let late = build(&beginning(SPRAY, "time_zero = \"end\", "), Path::new("")).err();
    let late = late.map(|e| e.to_string()).unwrap_or_default();
    assert!(
        late.contains("span = 0.21: must be 0 with time_zero"),
        "{late}"
    );
}
