//! The proof: the run of a configuration with this potential, differentiated by its parameters.

use adastra::core::dual::Pointwise;
use adastra::pipeline::{Config, Simulation};
use adastra_plugin_plummer_potential::{Plummer, plugin};
use proptest::prelude::*;

proptest! {
    #[test]
    fn the_laplacian_is_the_density(mass in 1e5..1e12, a in 0.1..5.0, x in -9.0..9.0, y in -9.0..9.0) {
        let p = [mass, a, 1.0, -1.0, 0.5];
        let (_, _, hessian) = Plummer.gradient_and_hessian(&p, [x, y, 0.0]);
        let laplacian: f64 = (0..3).map(|i| hessian[i][i]).sum();
        let r2 = (x - 1.0_f64).powi(2) + (y + 1.0).powi(2) + 0.25;
        let expected = 3.0 * adastra::gravity::G * mass * a * a / (r2 + a * a).powf(2.5);
        prop_assert!((laplacian - expected).abs() < 1e-9 * mass * 4.3e-6 / a.powi(3));
    }
}

const CONFIG: &str = r#"
[mesh]
cells = 8
size = "8 kpc"
[time]
end = 0.05
steps = 5
[[matter]]
name = "dm"
use = "fdm.wave"
initial = { use = "fdm.random-phases", with = { mean_density = 1e6, velocity_dispersion = 12.0 } }
[[matter]]
name = "star"
use = "particles"
initial = { use = "particles.single", with = { position = [2.1, 4.3, 4.4], mass = 1e6 } }
[[potential]]
name = "halo"
use = "plummer"
parameters = { mass = "1e9 Msun", scale_radius = "2 kpc", centre = [4.0, 4.0, 4.0] }
[objective]
use = "objective.density"
with = { of = ["dm", "star"], target = "target.h5" }
"#;

#[test]
fn gradients_by_the_parameters_match_differences() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = ndarray::Array3::from_shape_fn((8, 8, 8), |(i, j, _)| 1.0 + (i * j) as f64);
    use adastra::io::{Dataset, Header, SnapshotWriter};
    let header = Header {
        time: 0.0,
        step: 0,
        code_version: String::new(),
        config: String::new(),
    };
    let mut writer = SnapshotWriter::new(header);
    writer
        .dataset("rho", "", &Dataset::F64(target.into_dyn()))
        .expect("a dataset");
    writer
        .write(folder.path().join("target.h5"))
        .expect("a file");

    let mut registry = adastra::registry().expect("a registry");
    plugin(&mut registry).expect("a new name");
    let config = Config::parse(CONFIG, folder.path()).expect("a configuration");
    let simulation = Simulation::<f64>::build(&config, &registry).expect("a simulation");
    let found = simulation
        .gradient(&simulation.start, None)
        .expect("a gradient");
    for (name, h) in [
        ("halo.mass", 1e5),
        ("halo.scale_radius", 1e-4),
        ("halo.x", 1e-4),
    ] {
        let address = [name.to_owned()];
        let (x, slope) = (
            simulation.start.read(&address)[0],
            found.bar.read(&address)[0],
        );
        let mut start = simulation.start.clone();
        let mut at = |x: f64| {
            start.write(&address, &[x]);
            simulation.loss(&start).expect("a loss").0
        };
        let difference = (at(x + h) - at(x - h)) / (2.0 * h);
        assert!(
            (difference - slope).abs() < 1e-5 * slope.abs(),
            "{name}: {difference} {slope}"
        );
    }
}
