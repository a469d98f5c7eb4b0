//! Initial conditions: where and how fast, and what is refused.

use adastra_gravity::G;
use adastra_grid::Mesh;
use adastra_particles::{
    Conserved, InitialParticles, ParticleError, ParticleState, Positions, Velocities,
};
use ndarray::Axis;

fn mesh() -> Mesh {
    Mesh::new([16, 8, 8], [40.0, 20.0, 24.0]).unwrap()
}

fn initial(positions: Positions) -> InitialParticles {
    InitialParticles {
        positions,
        velocities: Velocities::Zero,
        bulk_velocity: [0.0; 3],
        mass: 1e7,
    }
}

fn plummer(count: usize) -> Positions {
    Positions::Plummer {
        count,
        centre: [19.0, 9.0, 3.0],
        scale_radius: 0.5,
        cutoff: 10.0,
        seed: 11,
    }
}

fn generate(initial: &InitialParticles) -> ParticleState<f64> {
    initial.generate(&mesh()).unwrap()
}

#[test]
fn a_single_particle_moves_with_the_bulk() {
    let mut one = initial(Positions::Single {
        position: [1.0, 20.0, 3.0],
    });
    one.bulk_velocity = [5.0, 0.0, -1.0];
    let x = generate(&one);
    // The far edge of the box is its near one.
    assert_eq!(x.position.as_slice().unwrap(), [1.0, 0.0, 3.0]);
    assert_eq!(x.velocity.as_slice().unwrap(), [5.0, 0.0, -1.0]);
    assert_eq!(x.mass.as_slice().unwrap(), [1e7]);
}

#[test]
fn a_lattice_in_the_mid_plane() {
    let x = generate(&initial(Positions::Lattice { count: [8, 4, 1] }));
    assert_eq!(x.len(), 32);
    assert_eq!(x.position.row(0).to_vec(), [2.5, 2.5, 12.0]);
    assert_eq!(x.position.row(1).to_vec(), [2.5, 7.5, 12.0]);
    assert_eq!(x.position.row(31).to_vec(), [37.5, 17.5, 12.0]);
}

#[test]
fn uniform_positions_have_the_moments_of_the_box() {
    let n = 20_000;
    let x = generate(&initial(Positions::Uniform { count: n, seed: 7 }));
    for (column, size) in x.position.axis_iter(Axis(1)).zip(mesh().size()) {
        assert!(column.iter().all(|&x| (0.0..size).contains(&x)));
        let sigma = size / 12f64.sqrt();
        let mean = column.sum() / n as f64;
        assert!((mean - 0.5 * size).abs() < 4.0 * sigma / (n as f64).sqrt());
        let variance = column.iter().map(|x| (x - 0.5 * size).powi(2)).sum::<f64>() / n as f64;
        assert!((variance / sigma.powi(2) - 1.0).abs() < 0.04, "{variance}");
    }
}

#[test]
fn gaussian_velocities_have_their_dispersion() {
    let n = 20_000;
    let mut gaussian = initial(Positions::Uniform { count: n, seed: 7 });
    gaussian.velocities = Velocities::Gaussian {
        dispersion: 12.0,
        seed: 7,
    };
    gaussian.bulk_velocity = [100.0, 0.0, 0.0];
    let x = generate(&gaussian);
    for (column, bulk) in x.velocity.axis_iter(Axis(1)).zip(gaussian.bulk_velocity) {
        let mean = column.sum() / n as f64;
        assert!((mean - bulk).abs() < 4.0 * 12.0 / (n as f64).sqrt());
        let moment = |k: i32| {
            column
                .iter()
                .map(|v| ((v - bulk) / 12.0).powi(k))
                .sum::<f64>()
        };
        assert!((moment(2) / n as f64 - 1.0).abs() < 0.04);
        assert!((moment(4) / n as f64 - 3.0).abs() < 0.3);
    }
    // Positions and velocities of one seed are not related.
    let (y, vy) = (x.position.column(1), x.velocity.column(1));
    let covariance = y.iter().zip(vy).map(|(y, v)| (y - 10.0) * v).sum::<f64>() / n as f64;
    let correlation = covariance / (20.0 / 12f64.sqrt() * 12.0);
    assert!(correlation.abs() < 4.0 / (n as f64).sqrt(), "{correlation}");
}

#[test]
fn a_plummer_sphere_has_its_half_mass_radius_and_energy() {
    let n = 20_000;
    let mut sphere = initial(plummer(n));
    sphere.velocities = Velocities::Equilibrium { seed: 11 };
    let x = generate(&sphere);
    let size = mesh().size();
    let mut radii: Vec<f64> = (x.position.rows().into_iter())
        .map(|row| {
            let square = |d: usize| {
                let off = row[d] - [19.0, 9.0, 3.0][d];
                (off - size[d] * (off / size[d]).round()).powi(2)
            };
            (0..3).map(square).sum::<f64>().sqrt()
        })
        .collect();
    radii.sort_by(f64::total_cmp);
    assert!(radii[n - 1] <= 10.0);
    // Plummer: r_h = a / sqrt(2^(2/3) - 1); the cutoff at 20 a leaves out 0.4 % of the mass.
    let half = 0.5 / (2f64.powf(2.0 / 3.0) - 1.0).sqrt();
    assert!((radii[n / 2] / half - 1.0).abs() < 0.03, "{}", radii[n / 2]);
    // Kinetic energy: 3 pi G M^2 / (64 a).
    let sums = Conserved::of(&mesh(), &x).unwrap();
    let kinetic = 3.0 * std::f64::consts::PI * G * sums.mass.powi(2) / (64.0 * 0.5);
    assert!(
        (sums.kinetic_energy / kinetic - 1.0).abs() < 0.03,
        "{}",
        sums.kinetic_energy
    );
}

#[test]
fn a_seed_gives_the_same_particles_in_both_precisions_and_any_count() {
    let mut sphere = initial(plummer(50));
    sphere.velocities = Velocities::Equilibrium { seed: 2 };
    let double = generate(&sphere);
    let single = sphere.generate::<f32>(&mesh()).unwrap();
    assert_eq!(single.position, double.position.mapv(|x| x as f32));
    assert_eq!(single.velocity, double.velocity.mapv(|x| x as f32));

    let uniform = |count, seed| generate(&initial(Positions::Uniform { count, seed }));
    let (few, many, others) = (uniform(3, 1), uniform(5, 1), uniform(3, 2));
    assert_eq!(few.position, many.position.slice(ndarray::s![..3, ..]));
    assert_ne!(few.position, others.position);
}

#[track_caller]
fn refused(initial: &InitialParticles, option: &str, number: f64) {
    match initial.generate::<f32>(&mesh()) {
        Err(ParticleError::Range { name, value, .. }) => {
            assert_eq!(name, option);
            assert!(value == number || (value.is_nan() && number.is_nan()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn options_out_of_range_are_named() {
    let good = initial(Positions::Uniform { count: 1, seed: 0 });
    // 1e39 is finite in f64 and not in f32.
    for mass in [-1.0, f64::NAN, f64::INFINITY, 1e39] {
        refused(
            &InitialParticles {
                mass,
                ..good.clone()
            },
            "mass",
            mass,
        );
    }
    for v in [f64::NAN, -1e39] {
        let bulk_velocity = [0.0, v, 0.0];
        refused(
            &InitialParticles {
                bulk_velocity,
                ..good.clone()
            },
            "bulk_velocity",
            v,
        );
    }
    for dispersion in [-1.0, f64::NAN, f64::INFINITY] {
        let velocities = Velocities::Gaussian {
            dispersion,
            seed: 0,
        };
        refused(
            &InitialParticles {
                velocities,
                ..good.clone()
            },
            "dispersion",
            dispersion,
        );
    }
    for x in [-0.1, 20.1, f64::NAN] {
        refused(
            &initial(Positions::Single {
                position: [1.0, x, 1.0],
            }),
            "position",
            x,
        );
    }
    for count in [0, usize::MAX] {
        refused(
            &initial(Positions::Uniform { count, seed: 0 }),
            "count",
            count as f64,
        );
        refused(
            &initial(Positions::Lattice {
                count: [1, count, 1],
            }),
            "count",
            count as f64,
        );
        refused(&initial(plummer(count)), "count", count as f64);
    }
    let overflow = initial(Positions::Lattice {
        count: [1 << 40; 3],
    });
    refused(&overflow, "count", usize::MAX as f64);
    let with = |centre: [f64; 3], scale_radius, cutoff| {
        initial(Positions::Plummer {
            count: 1,
            centre,
            scale_radius,
            cutoff,
            seed: 0,
        })
    };
    refused(&with([1.0, 1.0, 25.0], 1.0, 1.0), "centre", 25.0);
    refused(&with([1.0; 3], 0.0, 1.0), "scale_radius", 0.0);
    refused(
        &with([1.0; 3], f64::INFINITY, 1.0),
        "scale_radius",
        f64::INFINITY,
    );
    // Half of the shortest side is 10 kpc.
    refused(&with([1.0; 3], 1.0, 10.1), "cutoff", 10.1);
    refused(&with([1.0; 3], 1.0, f64::NAN), "cutoff", f64::NAN);
}

#[test]
fn only_a_plummer_sphere_has_an_equilibrium() {
    let mut lattice = initial(Positions::Lattice { count: [2, 2, 2] });
    lattice.velocities = Velocities::Equilibrium { seed: 0 };
    let error = lattice.generate::<f64>(&mesh()).unwrap_err();
    assert_eq!(
        error,
        ParticleError::NoEquilibrium {
            positions: "lattice"
        }
    );
}
