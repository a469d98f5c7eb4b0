//! Two-power halos, tables of multipoles and growing masses: known values, bad input.

use std::f64::consts::PI;
use std::sync::OnceLock;

use adastra_core::Operator;
use adastra_nbody::{
    Galaxy, GalaxyParams, Hernquist, History, Multipole, Nfw, Plummer, TriaxialNfw,
    TwoPowerTriaxial,
};

use crate::common::{Case, off};
use crate::potentials::{scattered, unit};

/// The density of [`flattened`].
fn flattened_density([x, y, z]: [f64; 3]) -> f64 {
    let m2 = x * x + y * y / 0.81 + z * z / 0.49 + 0.05 * x * y;
    (1.0 + m2).powf(-2.5)
}

/// Without any plane of symmetry but z = 0.
pub(crate) fn flattened() -> Multipole {
    static TABLE: OnceLock<Multipole> = OnceLock::new();
    let build = || Multipole::of_density(flattened_density, 10, [1e-3, 1e3], 160).unwrap();
    TABLE.get_or_init(build).clone()
}

#[test]
fn two_powers_have_the_halos_of_their_slopes() {
    let x = scattered(30);
    let found = |values: &[f64]| {
        let galaxy = Galaxy::new().with_scalar(TwoPowerTriaxial);
        galaxy.apply(&unit(values), x.clone()).unwrap()
    };
    let nfw = Galaxy::new().with(Nfw);
    let nfw = nfw.apply(&unit(&[2.0, 1.3]), x.clone()).unwrap();
    let error = off(&found(&[2.0, 1.3, 1.0, 1.0, 1.0, 3.0]), &nfw);
    assert!(error < 1e-9, "{error:e}");
    // Hernquist's M is the total mass, 2 pi rho_0 a^3.
    let hernquist = Galaxy::new().with(Hernquist);
    let hernquist = hernquist.apply(&unit(&[1.0, 1.3]), x.clone()).unwrap();
    let error = off(&found(&[2.0, 1.3, 1.0, 1.0, 1.0, 4.0]), &hernquist);
    assert!(error < 1e-9, "{error:e}");
    let triaxial = Galaxy::new().with(TriaxialNfw);
    let triaxial = triaxial.apply(&unit(&[2.0, 1.3, 0.9, 0.7]), x.clone());
    let error = off(&found(&[2.0, 1.3, 0.9, 0.7, 1.0, 3.0]), &triaxial.unwrap());
    assert!(error < 1e-6, "{error:e}");
}

#[test]
fn two_powers_are_those_of_the_reference() {
    let case = Case::load();
    let galaxy = Galaxy::new().with_scalar(TwoPowerTriaxial);
    let mass = 4.0 * PI * 20f64.powi(3) * 0.05;
    let p = unit(&[mass, 20.0, 0.9, 0.8, 1.0, 3.0]);
    let a = galaxy.apply(&p, case.matrix("pts")).unwrap();
    let error = off(&a, &case.matrix("acc_twopow"));
    assert!(error < 1e-8, "{error:e}");
}

#[test]
fn a_table_of_multipoles_has_the_potential_of_its_density() {
    // A sphere: all of it is in the first coefficient.
    let sphere = |x: [f64; 3]| (1.0 + x.iter().map(|x| x * x).sum::<f64>()).powf(-2.5);
    let table = Multipole::of_density(sphere, 4, [1e-3, 1e4], 160).unwrap();
    let (table, exact) = (
        Galaxy::new().with_scalar(table),
        Galaxy::new().with(Plummer),
    );
    for x in scattered(40).rows() {
        let x = [x[0], x[1], x[2]];
        let [found, expected] = [&table, &exact].map(|g| g.local(&unit(&[2.0, 1.3]), x).unwrap());
        assert!(
            (found.potential / expected.potential - 1.0).abs() < 1e-6,
            "{x:?}"
        );
        for k in 0..3 {
            let size = expected.acceleration.iter().map(|a| a.abs()).sum::<f64>();
            let error = (found.acceleration[k] - expected.acceleration[k]).abs();
            assert!(error < 1e-5 * size, "{x:?}: {error:e} of {size:e}");
        }
    }
    // A triaxial halo of the same shape as the law that integrates over its homoeoids.
    let halo = |[x, y, z]: [f64; 3]| {
        let m = (x * x + y * y / 0.81 + z * z / 0.64).sqrt();
        m.powi(-1) * (1.0 + m).powi(-3)
    };
    let table = Multipole::of_density(halo, 12, [1e-4, 1e6], 240).unwrap();
    let table = Galaxy::new().with_scalar(table);
    let law = Galaxy::new().with_scalar(TwoPowerTriaxial);
    // The total mass is q1 q2 M / 2.
    let values = [2.0, 1.3, 0.9, 0.8, 1.0, 4.0];
    let x = scattered(30);
    let a = table.apply(&unit(&[0.72, 1.3]), x.clone()).unwrap();
    let error = off(&a, &law.apply(&unit(&values), x).unwrap());
    assert!(error < 1e-5, "{error:e}");
}

#[test]
fn a_table_of_multipoles_has_its_density() {
    let galaxy = Galaxy::new().with_scalar(flattened());
    let at = |x: [f64; 3]| galaxy.local(&unit(&[2.0, 1.0]), x).unwrap().density;
    let scale = at([0.5, 0.2, 0.1]) / flattened_density([0.5, 0.2, 0.1]);
    for x in [
        [1.0, 0.3, 0.2],
        [0.02, 0.05, 0.1],
        [-0.6, 0.5, -0.7],
        [2.0, -1.0, 1.5],
    ] {
        let ratio = at(x) / (scale * flattened_density(x));
        assert!((ratio - 1.0).abs() < 1e-2, "{x:?}: {ratio}");
    }
}

#[test]
fn bad_tables_are_named() {
    let one = |_: [f64; 3]| 1.0;
    let text = |found: adastra_core::Result<Multipole>| found.unwrap_err().to_string();
    assert!(text(Multipole::of_density(one, 17, [0.1, 1.0], 9)).contains("degree = 17"));
    assert!(text(Multipole::of_density(one, 2, [0.1, 1.0], 3)).contains("nodes = 3"));
    assert!(text(Multipole::of_density(one, 2, [0.0, 1.0], 9)).contains("first radius = 0"));
    assert!(text(Multipole::of_density(one, 2, [1.0, 0.5], 9)).contains("last radius = 0.5"));
    let nan = |_: [f64; 3]| f64::NAN;
    assert!(text(Multipole::of_density(nan, 2, [0.1, 1.0], 9)).contains("density = NaN"));
    let none = |_: [f64; 3]| 0.0;
    assert!(text(Multipole::of_density(none, 2, [0.1, 1.0], 9)).contains("mass = 0"));
}

#[test]
fn masses_grow_as_they_are_told_to() {
    let p = |galaxy: &[f64], time: f64| GalaxyParams {
        time,
        ..unit(galaxy)
    };
    let x = [1.0, 0.5, -0.3];
    let plain = Galaxy::new().with(Nfw);
    let exponential = plain.clone().growing(History::Exponential);
    let linear = plain.clone().growing(History::Linear);
    let mass = |galaxy: &Galaxy, time: f64| {
        let here = galaxy.local(&p(&[2.0, 1.3, 0.4], time), x).unwrap();
        2.0 * here.potential / plain.local(&p(&[2.0, 1.3], 0.0), x).unwrap().potential
    };
    assert!((mass(&exponential, 0.0) - 2.0).abs() < 1e-15);
    assert!((mass(&exponential, -3.0) - 2.0 * (-1.2f64).exp()).abs() < 1e-14);
    assert!((mass(&linear, 3.0) - 4.4).abs() < 1e-14);
    // Before it was there, it is not there.
    assert_eq!(mass(&linear, -2.6), 0.0);
    assert_eq!(Galaxy::new().growing(History::Linear).len(), 0);
}
