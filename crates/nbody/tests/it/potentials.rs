//! External potentials: derivatives, the Laplacian identity, known values, bad input.

use std::f64::consts::PI;

use adastra_check as check;
use adastra_core::Operator;
use adastra_core::dual::{Pointwise, Scalar};
use adastra_nbody::{
    ExponentialDisk, G, Galaxy, GalaxyParams, Hernquist, History, Isochrone, Logarithmic,
    MiyamotoNagai, Nfw, Plummer, PointMass, TriaxialNfw, TruncatedPowerLaw, TwoPowerTriaxial,
};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;

use crate::common::{Case, off};
use crate::tables::flattened;

/// Every potential, with parameters of a size that suits G = 1.
fn potentials() -> Vec<(Galaxy, Vec<f64>)> {
    vec![
        (Galaxy::new().with(PointMass), vec![2.0]),
        (Galaxy::new().with(Plummer), vec![2.0, 0.7]),
        (Galaxy::new().with(Hernquist), vec![2.0, 0.7]),
        (Galaxy::new().with(Isochrone), vec![2.0, 0.7]),
        (Galaxy::new().with(Nfw), vec![2.0, 1.3]),
        (Galaxy::new().with(TriaxialNfw), vec![2.0, 1.3, 0.8, 1.2]),
        (Galaxy::new().with(MiyamotoNagai), vec![2.0, 0.9, 0.3]),
        (Galaxy::new().with(ExponentialDisk), vec![2.0, 0.9, 0.3]),
        (Galaxy::new().with(Logarithmic), vec![1.2, 0.4, 0.8]),
        (
            Galaxy::new().with_scalar(TruncatedPowerLaw),
            vec![2.0, 1.1, 1.4],
        ),
        (
            Galaxy::new().with(TriaxialNfw).rotating(),
            vec![2.0, 1.3, 0.8, 1.2, 0.6, 0.3],
        ),
        (
            Galaxy::new().with_scalar(TwoPowerTriaxial),
            vec![2.0, 1.3, 0.8, 1.2, 1.4, 3.6],
        ),
        (Galaxy::new().with_scalar(flattened()), vec![2.0, 1.3]),
        (
            Galaxy::new()
                .with(Nfw)
                .growing(History::Exponential)
                .with(Logarithmic)
                .growing(History::Linear)
                .with(TriaxialNfw)
                .rotating()
                .growing(History::Linear),
            vec![
                2.0, 1.3, 0.3, 1.2, 0.4, 0.8, -0.2, 2.0, 1.3, 0.8, 1.2, 0.6, 0.3, 0.4,
            ],
        ),
        (
            Galaxy::new()
                .with(Nfw)
                .with(MiyamotoNagai)
                .with_scalar(TruncatedPowerLaw),
            vec![5.0, 1.6, 2.0, 0.9, 0.3, 1.0, 0.3, 1.5],
        ),
    ]
}

/// Parameters around the given ones, G and time around one.
fn around(values: Vec<f64>) -> impl Strategy<Value = GalaxyParams<f64>> {
    let factors = check::real(values.len(), 0.9..1.1);
    (0.8..1.2f64, 0.8..1.2f64, factors).prop_map(move |(gravitational_constant, time, factors)| {
        GalaxyParams {
            gravitational_constant,
            time,
            values: factors * Array1::from(values.clone()),
        }
    })
}

pub(crate) fn unit(values: &[f64]) -> GalaxyParams<f64> {
    GalaxyParams {
        gravitational_constant: 1.0,
        time: 0.4,
        values: values.iter().copied().collect(),
    }
}

/// Positions in all octants, at radii from 0.03 to 30.
pub(crate) fn scattered(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 3), |(i, k)| {
        let radius = 10f64.powf(-1.5 + 3.0 * (0.618 * i as f64).fract());
        radius * (2.3 * i as f64 + 1.9 * k as f64 * k as f64 + 0.4).sin()
    })
}

#[test]
fn derivatives() {
    for (galaxy, values) in potentials() {
        let position = check::normal((5, 3), 0.0, 1.5);
        let property = check::Property {
            cases: 8,
            ..check::Property::default()
        };
        property.tangent_of((around(values), position), |(p, x)| (galaxy.clone(), p, x));
    }
}

#[test]
fn derivatives_of_many_particles() {
    let (galaxy, values) = potentials().swap_remove(6);
    let property = check::Property {
        cases: 2,
        ..check::Property::default()
    };
    let position = check::normal((1500, 3), 0.0, 1.5);
    property.tangent_of((around(values), position), |(p, x)| (galaxy.clone(), p, x));
}

#[test]
fn registers_and_dual_numbers_agree() {
    for (galaxy, values) in potentials() {
        let (p, x) = (unit(&values), scattered(37));
        let a = galaxy.apply(&p, x.clone()).unwrap();
        for (x, a) in x.rows().into_iter().zip(a.rows()) {
            let local = galaxy.local(&p, [x[0], x[1], x[2]]).unwrap();
            for k in 0..3 {
                let size = local
                    .acceleration
                    .iter()
                    .fold(0.0, |m: f64, a| m.max(a.abs()));
                let error = (local.acceleration[k] - a[k]).abs();
                assert!(
                    error < 1e-13 * size,
                    "{galaxy:?} at {x}: {error:e} of {size:e}"
                );
            }
        }
    }
}

#[test]
fn the_acceleration_is_minus_the_gradient() {
    for (galaxy, values) in potentials() {
        let p = unit(&values);
        for x in scattered(12).rows() {
            let x = [x[0], x[1], x[2]];
            let a = galaxy.local(&p, x).unwrap().acceleration;
            let r = x.iter().map(|x| x * x).sum::<f64>().sqrt();
            for k in 0..3 {
                let h = 1e-4 * r;
                let phi = |steps: f64| {
                    let mut x = x;
                    x[k] += steps * h;
                    galaxy.local(&p, x).unwrap().potential
                };
                let slope = (8.0 * (phi(1.0) - phi(-1.0)) - phi(2.0) + phi(-2.0)) / (12.0 * h);
                let size = a.iter().map(|a| a.abs()).sum::<f64>() + phi(0.0).abs() / r;
                assert!((slope + a[k]).abs() < 1e-9 * size, "{galaxy:?} at {x:?}");
            }
        }
    }
}

/// The density of a potential of mass M = 2 (or speed 1.2) of [`potentials`], from its paper.
fn density(name: &str, [x, y, z]: [f64; 3]) -> Option<f64> {
    let m = 2.0;
    let r = (x * x + y * y + z * z).sqrt();
    let rho2 = x * x + y * y;
    Some(match name {
        "point-mass" => 0.0,
        "plummer" => 3.0 * m * 0.49 / (4.0 * PI) * (r * r + 0.49f64).powf(-2.5),
        "hernquist" => m / (2.0 * PI) * 0.7 / (r * (r + 0.7f64).powi(3)),
        "isochrone" => {
            let (b, s) = (0.7, (0.49 + r * r).sqrt());
            let top = 3.0 * (b + s) * s * s - r * r * (b + 3.0 * s);
            m * top / (4.0 * PI * (b + s).powi(3) * s.powi(3))
        }
        "nfw" => {
            let s = r / 1.3;
            m / (4.0 * PI * 1.3f64.powi(3)) / (s * (1.0 + s).powi(2))
        }
        "triaxial-nfw" => {
            let s = (x * x + (y / 0.8).powi(2) + (z / 1.2).powi(2)).sqrt() / 1.3;
            m / (4.0 * PI * 1.3f64.powi(3)) / (s * (1.0 + s).powi(2))
        }
        "two-power-triaxial" => {
            let s = (x * x + (y / 0.8).powi(2) + (z / 1.2).powi(2)).sqrt() / 1.3;
            m / (4.0 * PI * 1.3f64.powi(3)) * s.powf(-1.4) * (1.0 + s).powf(1.4 - 3.6)
        }
        "miyamoto-nagai" => {
            let (a, b) = (0.9, 0.3);
            let q = (z * z + b * b).sqrt();
            let top = a * rho2 + (a + 3.0 * q) * (a + q).powi(2);
            b * b * m / (4.0 * PI) * top / ((rho2 + (a + q).powi(2)).powf(2.5) * q.powi(3))
        }
        "logarithmic" => {
            // Binney & Tremaine 2008, equation 2.71c.
            let (v2, c2, q2) = (1.44, 0.16, 0.64);
            let top = (2.0 * q2 + 1.0) * c2 + rho2 + (2.0 - 1.0 / q2) * z * z;
            v2 / (4.0 * PI * q2) * top / (c2 + rho2 + z * z / q2).powi(2)
        }
        "truncated-power-law" => {
            // M = 2 pi rho_0 r_c^(3 - alpha) Gamma(3/2 - alpha/2); Gamma(0.8) from tables.
            const GAMMA: f64 = 1.164_229_713_725_303_4;
            let (c, slope) = (1.1f64, 1.4);
            m / (2.0 * PI * c.powf(3.0 - slope) * GAMMA) * r.powf(-slope) * (-(r / c).powi(2)).exp()
        }
        _ => return None,
    })
}

#[test]
fn laplacians_are_densities() {
    let mut seen = 0;
    for (galaxy, values) in potentials() {
        let turns = |name: &String| name.ends_with("angle");
        if galaxy.len() > 1 || galaxy.parameters().iter().any(turns) {
            continue;
        }
        let name = galaxy.parameters()[0].split('.').next().unwrap().to_owned();
        let p = unit(&values);
        for x in scattered(40).rows() {
            let x = [x[0], x[1], x[2]];
            let Some(expected) = density(&name, x) else {
                continue;
            };
            seen += 1;
            let local = galaxy.local(&p, x).unwrap();
            // Each of the three terms of the Laplacian has its own rounding error.
            let tide = local.tidal_tensor;
            let size = (0..3).map(|i| tide[i][i].abs()).sum::<f64>() / (4.0 * PI);
            // The quadrature of the triaxial halo has an error of its own far out.
            let allowed = match name.as_str() {
                "triaxial-nfw" => 2e-5,
                "truncated-power-law" => 1e-11,
                "two-power-triaxial" => 1e-9,
                _ => 1e-12,
            };
            let error = (local.density - expected).abs();
            assert!(
                error <= allowed * size,
                "{name} at {x:?}: {error:e} of {size:e}"
            );
        }
    }
    assert_eq!(seen, 10 * 40);
}

#[test]
fn an_exponential_disk_has_its_density_near_its_scale_length() {
    let galaxy = Galaxy::new().with(ExponentialDisk);
    let (m, length, height) = (1e10, 3.0, 0.3);
    for (r, z) in [(3.0, 0.1), (5.0, 0.3), (7.0, 0.1)] {
        let found = galaxy
            .at(&[m, length, height], [r, 0.0, z])
            .unwrap()
            .density;
        let profile = (-r / length - z / height).exp();
        let expected = m / (4.0 * PI * length * length * height) * profile;
        assert!(
            (found / expected - 1.0).abs() < 0.2,
            "{r} {z}: {found:e}, {expected:e}"
        );
    }
}

#[test]
fn potentials_are_those_of_the_reference() {
    let case = Case::load();
    let points = case.matrix("pts");
    let nfw = [4368.3325, 16.0];
    let disk = [681.939_027_823_467_5, 3.0, 0.28];
    let table: [(&str, Galaxy, &[f64], f64); 8] = [
        ("nfw", Galaxy::new().with(Nfw), &nfw, 1.0),
        ("point", Galaxy::new().with(PointMass), &[100.0], 1.0),
        ("mn", Galaxy::new().with(MiyamotoNagai), &disk, 1.0),
        (
            "psp",
            Galaxy::new().with_scalar(TruncatedPowerLaw),
            &[45.013_653_75, 1.9, 1.8],
            1.0,
        ),
        // The reference's potential of this name has the wrong sign; its force is right.
        (
            "log",
            Galaxy::new().with(Logarithmic),
            &[10.0, 0.0, 0.9],
            -1.0,
        ),
        (
            "tnfw",
            Galaxy::new().with(TriaxialNfw),
            &[4368.3325, 16.0, 0.9, 0.8],
            1.0,
        ),
        (
            "mn3thin",
            Galaxy::new().with(ExponentialDisk),
            &[100.0, 3.0, 0.3],
            1.0,
        ),
        (
            "mn3thick",
            Galaxy::new().with(ExponentialDisk),
            &[50.0, 3.0, 1.0],
            1.0,
        ),
    ];
    for (name, galaxy, values, sign) in table {
        let p = unit(values);
        let a = galaxy.apply(&p, points.clone()).unwrap();
        let error = off(&a, &case.matrix(&format!("acc_{name}")));
        assert!(error < 1e-12, "acceleration of {name}: {error:e}");
        let phi = |x: ndarray::ArrayView1<'_, f64>| {
            sign * galaxy.local(&p, [x[0], x[1], x[2]]).unwrap().potential
        };
        let found = points.rows().into_iter().map(phi).collect();
        let error = off(&found, &case.vector(&format!("pot_{name}")));
        assert!(error < 1e-12, "potential of {name}: {error:e}");
    }
}

#[test]
fn a_triaxial_halo_with_equal_axes_is_spherical() {
    let x = scattered(30);
    let a = Galaxy::new()
        .with(TriaxialNfw)
        .apply(&unit(&[2.0, 1.3, 1.0, 1.0]), x.clone());
    let b = Galaxy::new().with(Nfw).apply(&unit(&[2.0, 1.3]), x);
    assert!(off(&a.unwrap(), &b.unwrap()) < 1e-12);
}

#[test]
fn centres_have_no_nan() {
    for (galaxy, values) in potentials().into_iter().skip(1) {
        let p = unit(&values);
        let centre = galaxy.local(&p, [0.0; 3]).unwrap();
        assert_eq!(centre.acceleration, [0.0; 3], "{galaxy:?}");
        assert!(
            centre.potential.is_finite() && !centre.density.is_nan(),
            "{galaxy:?}"
        );
        // Just off it, the value is the limit: for a cusp a finite force of full size.
        for r in [1e-300, 1e-11, 1e-9, 1e-7] {
            let near = galaxy.apply(&p, array![[r, 0.0, 0.0]]).unwrap();
            assert!(
                near[[0, 0]] <= 0.0 && near[[0, 0]].is_finite(),
                "{galaxy:?} at {r:e}: {near}"
            );
        }
    }
    let a = Galaxy::new()
        .with(Nfw)
        .apply(&unit(&[2.0, 1.3]), array![[1e-7, 0.0, 0.0]])
        .unwrap();
    assert!((a[[0, 0]] / (-1.0 / 1.69) - 1.0).abs() < 1e-6, "{a}");
}

#[test]
fn far_away_every_mass_is_a_point() {
    for i in [1, 2, 3, 5, 6, 9] {
        let (galaxy, values) = potentials().swap_remove(i);
        let a = galaxy
            .apply(&unit(&values), array![[1e9, 0.0, 0.0], [1e150, 0.0, 0.0]])
            .unwrap();
        let nfw = matches!(i, 5);
        let expected = 2e-18;
        // The mass of an NFW halo grows without bound.
        let ratio = -a[[0, 0]] / expected;
        assert!(
            nfw && ratio > 1.0 || (ratio - 1.0).abs() < 1e-6,
            "{galaxy:?}: {ratio}"
        );
        assert!(a[[1, 0]].is_finite(), "{galaxy:?}");
    }
}

#[test]
fn a_bar_turns() {
    let values = [2.0, 1.3, 0.5, 0.8];
    let still = Galaxy::new().with(TriaxialNfw);
    let bar = Galaxy::new().with(TriaxialNfw).rotating();
    let x = [0.9, 0.4, 0.2];
    let fixed = still.local(&unit(&values), x).unwrap();
    // A quarter turn takes x to -y and y to x.
    let mut p = unit(&[2.0, 1.3, 0.5, 0.8, 0.5, 0.0]);
    p.time = PI;
    let turned = bar.local(&p, [-x[1], x[0], x[2]]).unwrap();
    let [ax, ay, az] = fixed.acceleration;
    for (found, expected) in turned.acceleration.iter().zip([-ay, ax, az]) {
        assert!((found - expected).abs() < 1e-14, "{turned:?} {fixed:?}");
    }
    assert!((turned.tidal_tensor[0][0] - fixed.tidal_tensor[1][1]).abs() < 1e-13);
    assert!((turned.density - fixed.density).abs() < 1e-13);
}

#[test]
fn circular_velocities() {
    let point = Galaxy::new()
        .with(PointMass)
        .at(&[1e10], [3.0, 4.0, 0.0])
        .unwrap();
    assert!((point.circular_velocity - (G * 1e10 / 5.0).sqrt()).abs() < 1e-12);
    let flat = Galaxy::new().with(Logarithmic);
    for r in [1.0, 30.0] {
        let found = flat
            .at(&[220.0, 0.0, 0.9], [r, 0.0, 0.0])
            .unwrap()
            .circular_velocity;
        assert!((found - 220.0).abs() < 1e-11);
    }
}

#[test]
fn bad_input_is_named() {
    let galaxy = Galaxy::new().with(Nfw).with(PointMass).with(PointMass);
    let text = |values: &[f64], x: [f64; 3]| galaxy.at(values, x).unwrap_err().to_string();
    let few = text(&[1.0], [1.0; 3]);
    assert!(
        few.contains("expected 4") && few.contains("point-mass-2.mass"),
        "{few}"
    );
    let range = text(&[1.0, -2.0, 1.0, 1.0], [1.0; 3]);
    assert!(
        range.contains("nfw.scale_radius = -2: must be above 0"),
        "{range}"
    );
    let negative = text(&[1.0, 2.0, 1.0, -1.0], [1.0; 3]);
    assert!(negative.contains("point-mass-2.mass = -1"), "{negative}");
    let centre = text(&[1.0, 2.0, 1.0, 1.0], [0.0; 3]);
    assert!(
        centre.contains("point-mass has no finite force"),
        "{centre}"
    );
    let lost = text(&[1.0, 2.0, 1.0, 1.0], [f64::NAN, 0.0, 0.0]);
    assert!(lost.contains("NaN"), "{lost}");
    let p = GalaxyParams::<f64>::new([1.0, 2.0, 1.0, 1.0]);
    let wrong = galaxy.apply(&p, Array2::zeros((4, 2)));
    assert!(wrong.is_err());
}

#[test]
fn threads_do_not_change_the_bits() {
    use adastra_core::Adjoint;
    let (galaxy, values) = potentials().pop().unwrap();
    let (p, x) = (unit(&values), scattered(1300));
    let all = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let a = galaxy.apply(&p, x.clone()).unwrap();
            let mut p_bar = unit(&vec![0.0; values.len()]);
            let x_bar = galaxy.vjp(&p, x.clone(), a.clone(), &mut p_bar).unwrap();
            (a, x_bar, p_bar)
        })
    };
    assert_eq!(all(1), all(3));
}

/// A law of one's own with a switch, which a vector register does not have.
struct Shell;

impl Pointwise<3> for Shell {
    fn eval<D: Scalar>(&self, p: &[D], [x, y, z]: [D; 3]) -> D {
        let r2 = x * x + y * y + z * z;
        if r2.re() < p[0].re() * p[0].re() {
            -p[0].recip()
        } else {
            -r2.sqrt().recip()
        }
    }
}

impl adastra_nbody::ScalarProfile<1> for Shell {
    const NAME: &'static str = "shell";
    const AMPLITUDE: adastra_nbody::Amplitude = adastra_nbody::Amplitude::Mass;
    const PARAMETERS: [adastra_nbody::Parameter; 1] = [adastra_nbody::Parameter::length("radius")];
    fn value<D: Scalar>(&self, p: [D; 1], x: [D; 3]) -> D {
        self.eval(&p, x)
    }
}

#[test]
fn within_a_shell_there_is_no_force() {
    let galaxy = Galaxy::new().with_scalar(Shell);
    let a = galaxy
        .apply(&unit(&[2.0, 1.0]), array![[0.5, 0.1, 0.2], [0.0, 2.0, 0.0]])
        .unwrap();
    assert_eq!(a, array![[0.0, 0.0, 0.0], [0.0, -0.5, 0.0]]);
}
