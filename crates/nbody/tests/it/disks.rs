//! Exponential disks: derivatives, profiles, how far they are from equilibrium, bad input.

use adastra_check as check;
use adastra_core::{Evolve, Operator, ReversibleSchedule};
use adastra_nbody::{
    Disk, DiskParams, Galaxy, GalaxyParams, Integration, MiyamotoNagai, NBody, NBodyParams, Nfw,
    ParticleState, Plummer, Scheme, TriaxialNfw,
};
use proptest::prelude::*;

fn params(values: &[f64], scales: [f64; 4]) -> DiskParams<f64> {
    let [mass, scale_length, scale_height, dispersion] = scales;
    DiskParams {
        galaxy: GalaxyParams {
            gravitational_constant: 1.0,
            time: 0.4,
            values: values.iter().copied().collect(),
        },
        mass,
        scale_length,
        scale_height,
        dispersion,
    }
}

#[test]
fn derivatives() {
    let galaxy = Galaxy::new()
        .with(MiyamotoNagai)
        .with(TriaxialNfw)
        .rotating();
    let disk = Disk::exponential(12, galaxy, 4.0, 2).unwrap();
    let inputs = (check::real(9, 0.95..1.05), check::real(4, 0.9..1.1));
    let inputs = inputs.prop_map(|(factors, scales)| {
        let values = [1.0, 1.1, 0.3, 3.0, 1.3, 0.9, 0.8, 0.6, 0.3];
        let values: Vec<f64> = values.iter().zip(&factors).map(|(v, f)| v * f).collect();
        let scales = [0, 1, 2, 3].map(|k| [0.7, 1.0, 0.1, 0.2][k] * scales[k]);
        (params(&values, scales), ())
    });
    let property = check::Property {
        cases: 8,
        ..check::Property::default()
    };
    property.tangent_of(inputs, |(p, x)| (disk.clone(), p, x));
}

const VALUES: [f64; 5] = [4.37e11, 16.0, 6.8e10, 3.0, 0.28];

fn milky_way(height: f64, dispersion: f64) -> (Galaxy, DiskParams<f64>) {
    let mut p = params(&VALUES, [4e10, 2.6, height, dispersion]);
    p.galaxy = GalaxyParams::new(VALUES);
    (Galaxy::new().with(Nfw).with(MiyamotoNagai), p)
}

/// The value below which a part of the numbers is.
fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(part * values.len() as f64) as usize]
}

fn radii(x: &ParticleState<f64>) -> Vec<f64> {
    let rows = x.position.rows().into_iter();
    rows.map(|x| x[0].hypot(x[1])).collect()
}

fn heights(x: &ParticleState<f64>) -> Vec<f64> {
    x.position.column(2).iter().map(|z| z.abs()).collect()
}

#[test]
fn disks_have_their_profiles_and_motions() {
    let (galaxy, p) = milky_way(0.3, 40.0);
    let disk = Disk::exponential(40_000, galaxy.clone(), 8.0, 1).unwrap();
    let x = disk.apply(&p, ()).unwrap();
    assert!((x.mass.sum() / 4e10 - 1.0).abs() < 1e-12);
    // Half the mass is within 1.678 scale lengths, and within atanh(1/2) scale heights.
    assert!((quantile(radii(&x), 0.5) / (1.66 * 2.6) - 1.0).abs() < 0.02);
    assert!((quantile(heights(&x), 0.5) / (0.5493 * 0.3) - 1.0).abs() < 0.02);
    // Around 8 kpc.
    let local = galaxy.local(&p.galaxy, [8.0, 0.0, 0.0]).unwrap();
    let (mut n, mut sums) = (0.0, [0.0; 4]);
    for (x, v) in x.position.rows().into_iter().zip(x.velocity.rows()) {
        let r = x[0].hypot(x[1]);
        if (r - 8.0).abs() > 0.3 {
            continue;
        }
        let v_r = (x[0] * v[0] + x[1] * v[1]) / r;
        let v_phi = (x[0] * v[1] - x[1] * v[0]) / r;
        n += 1.0;
        for (sum, y) in sums
            .iter_mut()
            .zip([v_phi, v_phi * v_phi, v_r * v_r, v[2] * v[2]])
        {
            *sum += y;
        }
    }
    let [mean, square, radial, vertical] = sums.map(|s| s / n);
    assert!(n > 500.0);
    let v_c = local.circular_velocity;
    let sigma2 = 1600.0 * (1.0 - 8.0 / 2.6f64).exp();
    let kappa2 = -local.tidal_tensor[0][0] + 3.0 * (v_c / 8.0).powi(2);
    let ratio = kappa2 / (4.0 * (v_c / 8.0).powi(2));
    assert!((radial / sigma2 - 1.0).abs() < 0.15, "{radial} {sigma2}");
    let tangential = square - mean * mean;
    // With the slope of the rotation curve over the ring on top.
    assert!(
        (tangential / (sigma2 * ratio) - 1.0).abs() < 0.2,
        "{tangential}"
    );
    let drift = (v_c * v_c + sigma2 * (1.0 - ratio - 16.0 / 2.6)).sqrt();
    assert!(
        (mean - drift).abs() < 1.5 && v_c - drift > 2.0,
        "{mean} {drift} {v_c}"
    );
    // Between that of a harmonic potential of the plane's density and nothing.
    let nu2 = -local.tidal_tensor[2][2];
    let harmonic = nu2 * 0.09 * std::f64::consts::PI.powi(2) / 12.0;
    assert!(
        vertical < harmonic && vertical > 0.3 * harmonic,
        "{vertical} {harmonic}"
    );
}

#[test]
fn thin_and_thick_disks_stay_nearly_what_they_are() {
    for (height, dispersion, allowed) in [(0.3, 35.0, 0.08), (0.9, 60.0, 0.12)] {
        let (galaxy, p) = milky_way(height, dispersion);
        let disk = Disk::exponential(3000, galaxy.clone(), 6.0, 3).unwrap();
        let x = disk.apply(&p, ()).unwrap();
        // Some four turns at the solar radius.
        let run = Integration::new(NBody::test_particles(galaxy), Scheme::DriftKickDrift, 1500);
        let run = Evolve::reversible(run, ReversibleSchedule::Reconstruct { anchors: 0 });
        let y = run
            .apply(&NBodyParams::new(1.0, 0.0, VALUES), x.clone())
            .unwrap();
        for part in [0.25, 0.5, 0.75] {
            let growth = quantile(radii(&y), part) / quantile(radii(&x), part);
            assert!(
                (growth - 1.0).abs() < allowed,
                "{height} kpc, radii: {growth}"
            );
            let growth = quantile(heights(&y), part) / quantile(heights(&x), part);
            assert!(
                (growth - 1.0).abs() < allowed,
                "{height} kpc, heights: {growth}"
            );
        }
    }
}

#[test]
fn a_cold_disk_moves_on_circles() {
    let (galaxy, p) = milky_way(1e-6, 0.0);
    let x = Disk::exponential(50, galaxy.clone(), 5.0, 1)
        .unwrap()
        .apply(&p, ())
        .unwrap();
    for (x, v) in x.position.rows().into_iter().zip(x.velocity.rows()) {
        let local = galaxy.local(&p.galaxy, [x[0], x[1], 0.0]).unwrap();
        let speed = v[0].hypot(v[1]);
        assert!((speed / local.circular_velocity - 1.0).abs() < 1e-9);
        assert!((x[0] * v[0] + x[1] * v[1]).abs() < 1e-9 * speed);
    }
}

#[test]
fn bad_input_is_named() {
    let (galaxy, p) = milky_way(0.3, 40.0);
    let none = Disk::exponential(0, galaxy.clone(), 5.0, 1)
        .unwrap_err()
        .to_string();
    assert!(none.contains("n = 0: must be at least 1"), "{none}");
    let narrow = Disk::exponential(5, galaxy.clone(), 0.0, 1)
        .unwrap_err()
        .to_string();
    assert!(
        narrow.contains("truncation = 0: must be above 0"),
        "{narrow}"
    );
    let text = |disk: &Disk, p: &DiskParams<f64>| disk.apply(p, ()).unwrap_err().to_string();
    let disk = Disk::exponential(5, galaxy, 5.0, 1).unwrap();
    let flat = DiskParams {
        scale_height: 0.0,
        ..p.clone()
    };
    assert!(text(&disk, &flat).contains("scale_height = 0: must be above 0"));
    let cold = DiskParams {
        dispersion: -1.0,
        ..p.clone()
    };
    assert!(text(&disk, &cold).contains("dispersion = -1: must be 0 or above"));
    // Without any mass nothing turns.
    let empty = Disk::exponential(5, Galaxy::new().with(Plummer), 5.0, 1).unwrap();
    let weightless = DiskParams {
        galaxy: GalaxyParams::new([0.0, 1.0]),
        ..p
    };
    assert!(text(&empty, &weightless).contains("squared circular speed = "));
}
