//! Analytic solutions, and the order of the scheme.

use adastra_core::Operator;
use adastra_fdm::{
    GaussianPacket, M_PER_HBAR_22, Soliton, Wave, WaveParams, boost, ground_states, solitons,
    uniform, wave_packet,
};
use adastra_gravity::{Background, Matter};
use adastra_grid::Mesh;

use crate::common::{distance, smooth_wave, storing, system};

#[test]
fn a_free_packet_spreads_as_it_should() {
    let mesh = Mesh::new([32; 3], [16.0; 3]).unwrap();
    let (mass, time) = (1.2, 0.1);
    let packet = GaussianPacket {
        peak_density: 1e6,
        width: 0.8,
        centre: [5.0, 8.0, 10.0],
        velocity: [25.0, 0.0, -15.0],
    };
    let p = WaveParams::free(mass);
    let wave = Wave::<f64>::new(&mesh);
    let mut x = wave_packet(&mesh, mass, &packet).unwrap();
    for _ in 0..5 {
        wave.drift(&p, &mut x, time / 5.0).unwrap();
    }
    let width = packet.width_after(mass, time);
    assert!(width > 1.5 * packet.width);
    let later = GaussianPacket {
        peak_density: 1e6 * (packet.width / width).powi(3),
        width,
        centre: [7.5, 8.0, 8.5],
        velocity: [0.0; 3],
    };
    let expected = wave_packet::<f64>(&mesh, mass, &later).unwrap();
    for (found, expected) in x.psi.iter().zip(&expected.psi) {
        let difference = (found.norm_sqr() - expected.norm_sqr()).abs();
        assert!(difference < 1e-7 * later.peak_density, "{difference:e}");
    }
}

/// The density, everywhere, over six dynamical times. What is left is the box: it takes the mean
/// density away from the source of gravity, and the soliton swings around a wider one.
#[test]
fn a_soliton_stays_put() {
    let mesh = Mesh::new([32; 3], [10.0; 3]).unwrap();
    let soliton = Soliton::at([5.0; 3], 0.6);
    let dynamical_time = (adastra_gravity::G * soliton.central_density(1.0))
        .sqrt()
        .recip();
    let dt = 0.002;
    let steps = (6.0 * dynamical_time / dt) as usize;
    let p = (WaveParams::free(1.0), Background::none());
    let mut x = ground_states(&mesh, 1.0, &[soliton]).unwrap();
    let start = x.clone();
    let system = system::<f64>(&mesh);
    let run = storing(&system, &[dt; 10]);
    let scale = soliton.central_density(1.0);
    for chunk in 0..steps / 10 {
        x = run.apply(&p, x).unwrap();
        for (now, then) in x.psi.iter().zip(&start.psi) {
            let change = (now.norm_sqr() - then.norm_sqr()).abs() / scale;
            assert!(change < 0.05, "after {} steps: {change}", 10 * (chunk + 1));
        }
    }
    // Without gravity it would have spread: the test is about the balance.
    let wave = Wave::<f64>::new(&mesh);
    let mut free = start.clone();
    wave.drift(&p.0, &mut free, dynamical_time).unwrap();
    let centre = free.psi[[16; 3]].norm_sqr() / scale;
    assert!(centre < 0.5, "{centre}");
}

#[test]
fn a_moving_soliton_moves() {
    let mesh = Mesh::new([32; 3], [10.0; 3]).unwrap();
    let (velocity, time) = ([50.0, -25.0, 0.0], 0.05);
    let launch = Soliton {
        velocity,
        ..Soliton::at([3.125, 5.0, 4.6875], 0.8)
    };
    let arrival = Soliton::at([3.125 + 2.5, 5.0 - 1.25, 4.6875], 0.8);
    let p = (WaveParams::free(1.0), Background::none());
    let system = system::<f64>(&mesh);
    let x = storing(&system, &[time / 50.0; 50])
        .apply(&p, ground_states(&mesh, 1.0, &[launch]).unwrap())
        .unwrap();
    let expected = ground_states::<f64>(&mesh, 1.0, &[arrival]).unwrap();
    for (found, expected) in x.psi.iter().zip(&expected.psi) {
        let difference = (found.norm_sqr() - expected.norm_sqr()).abs();
        assert!(
            difference < 0.03 * launch.central_density(1.0),
            "{difference:e}"
        );
    }
}

#[test]
fn second_order_in_the_step() {
    let mesh = Mesh::new([16; 3], [10.0; 3]).unwrap();
    let system = system::<f64>(&mesh);
    // c1 rho is 300 (km/s)^2 at 1e9 Msun/kpc^3: gravity, interaction and motion all count.
    for coupling in [0.0, 2.0, -2.0] {
        let p = (
            WaveParams {
                mass: 1.0,
                coupling,
            },
            Background::none(),
        );
        let end = |steps: usize| {
            let dt = vec![0.01 / steps as f64; steps];
            storing(&system, &dt)
                .apply(&p, smooth_wave(&mesh, 3e8))
                .unwrap()
                .psi
        };
        let exact = end(640);
        let errors = [10, 20, 40].map(|steps| distance(&end(steps), &exact));
        for pair in errors.windows(2) {
            let order = (pair[0] / pair[1]).log2();
            assert!(
                (order - 2.0).abs() < 0.1,
                "coupling {coupling}: order {order} of {errors:?}"
            );
        }
    }
}

#[test]
fn streaming_waves_have_their_velocity_and_energy() {
    let mesh = Mesh::new([8, 12, 10], [4.0, 5.0, 6.0]).unwrap();
    let p = WaveParams {
        mass: 2.0,
        coupling: 0.7,
    };
    let wave = Wave::<f64>::new(&mesh);
    let density = 5e8;
    let mut x = uniform(&mesh, density).unwrap();
    let v = boost(&mesh, 2.0, [30.0, -40.0, 11.0], &mut x).unwrap();
    let quantum = std::f64::consts::TAU / (2.0 * M_PER_HBAR_22);
    assert_eq!(v.map(|v| v != 0.0), [true, true, true]);
    assert!((v[1] + 40.0).abs() < 0.5 * quantum / 5.0);
    let found = wave.velocity(&p, &x).unwrap();
    for (found, expected) in found.iter().zip(v) {
        assert!(
            found.iter().all(|v| (v - expected).abs() < 1e-9),
            "{expected}"
        );
    }
    let total = density * 4.0 * 5.0 * 6.0;
    let potential = ndarray::Array3::from_elem(mesh.shape(), 7.0);
    let energies = wave.energies(&p, &x, &potential, Some(&potential)).unwrap();
    let square: f64 = v.iter().map(|v| v * v).sum();
    let close = |found: f64, expected: f64| (found - expected).abs() < 1e-11 * expected.abs();
    assert!(close(energies.mass, total), "{energies:?}");
    assert!(
        close(energies.kinetic, 0.5 * total * square),
        "{energies:?}"
    );
    assert!(close(energies.potential, 10.5 * total), "{energies:?}");
    for (found, v) in energies.momentum.iter().zip(v) {
        assert!(close(*found, total * v), "{energies:?}");
    }
    let interaction = p.interaction();
    let per_volume = interaction.energy(density);
    assert!(
        close(energies.self_interaction, per_volume * 120.0),
        "{energies:?}"
    );
    // The potential is the derivative of the energy density.
    let h = 1e-4 * density;
    let difference = interaction.energy(density + h) - interaction.energy(density - h);
    assert!((difference / (2.0 * h) / interaction.potential(density) - 1.0).abs() < 1e-7);
}

#[test]
fn the_sign_of_the_coupling_repels_or_attracts() {
    // A soliton's core, evolved with interaction and without.
    let mesh = Mesh::new([16; 3], [8.0; 3]).unwrap();
    let system = system::<f64>(&mesh);
    let run = storing(&system, &[0.005; 10]);
    let centre = |coupling| {
        let p = (
            WaveParams {
                mass: 1.0,
                coupling,
            },
            Background::none(),
        );
        let x = solitons(&mesh, 1.0, &[Soliton::at([4.25; 3], 1.0)]).unwrap();
        run.apply(&p, x).unwrap().psi[[8; 3]].norm_sqr()
    };
    let (attracted, free, repelled) = (centre(-20.0), centre(0.0), centre(20.0));
    assert!(
        repelled < 0.98 * free && attracted > 1.02 * free,
        "{attracted} {free} {repelled}"
    );
}
