//! Waves in an expanding universe: the linear growth of one mode.

use std::sync::Arc;

use adastra_core::{Evolve, Operator, Schedule};
use adastra_cosmology::{Cosmology, Supercomoving};
use adastra_fdm::{M_PER_HBAR_22, Wave, WaveParams, WaveState};
use adastra_gravity::{Background, G, Leapfrog, Limit, SelfGravity, Source};
use adastra_grid::Mesh;
use ndarray::Array3;
use num_complex::Complex;

struct Expansion(Supercomoving);

impl Source for Expansion {
    fn factor(&self, time: f64) -> f64 {
        self.0.scale_factor(time)
    }
    fn limit(&self, _: f64) -> Limit {
        Limit {
            name: "expansion",
            dt: f64::INFINITY,
        }
    }
}

/// delta'' = (4 pi G a rho - (hbar k^2/(2 m))^2) delta by Runge-Kutta: the linear equations of
/// Schroedinger and Poisson in supercomoving time (e.g. Woo & Chiueh 2009, eq. 10).
fn linear(time: &Supercomoving, rho: f64, quantum: f64, start: [f64; 2]) -> [f64; 2] {
    let n = 4000;
    let h = time.span() / f64::from(n);
    let slope = |t: f64, y: [f64; 2]| {
        let pull = 4.0 * std::f64::consts::PI * G * time.scale_factor(t) * rho;
        [y[1], (pull - quantum * quantum) * y[0]]
    };
    let step = |y: [f64; 2], k: [f64; 2], h: f64| [y[0] + h * k[0], y[1] + h * k[1]];
    (0..n).fold(start, |y, i| {
        let t = f64::from(i) * h;
        let a = slope(t, y);
        let b = slope(t + 0.5 * h, step(y, a, 0.5 * h));
        let c = slope(t + 0.5 * h, step(y, b, 0.5 * h));
        let d = slope(t + h, step(y, c, h));
        let mean = [0, 1].map(|i| (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]) / 6.0);
        step(y, mean, h)
    })
}

#[test]
fn a_mode_grows_as_the_linear_equations_say() {
    let mesh = Mesh::new([32, 4, 4], [800.0, 100.0, 100.0]).unwrap();
    let cosmology = Cosmology::flat(0.7, 0.3).unwrap();
    let time = Supercomoving::new(cosmology, 0.02, 0.05).unwrap();
    let (mass, epsilon) = (0.2, 1e-5);
    let m_per_hbar = mass * M_PER_HBAR_22;
    let rho = cosmology.mean_density(G);
    let k = mesh.wavenumbers(0)[1];
    let a = 0.02;
    let rate = a * a * cosmology.hubble_rate(a) * cosmology.growth_rate(a);
    let psi = Array3::from_shape_fn(mesh.shape(), |(i, j, l)| {
        let wave = epsilon * (k * mesh.centre([i, j, l])[0]).cos();
        Complex::from_polar(
            (rho * (1.0 + wave)).sqrt(),
            m_per_hbar * rate / (k * k) * wave,
        )
    });
    let expected = linear(
        &time,
        rho,
        k * k / (2.0 * m_per_hbar),
        [epsilon, rate * epsilon],
    );
    let steps = 400;
    let system = SelfGravity::new(&mesh, Wave::<f64>::new(&mesh));
    let dt = vec![time.span() / f64::from(steps); steps as usize];
    let system = Arc::new(system.with_source(Expansion(time)));
    let run = Evolve::new(Leapfrog::new(system, &dt), Schedule::StoreAll);
    let p = (WaveParams::free(mass), Background::none());
    let y = run.apply(&p, WaveState { psi }).unwrap();
    let (mut amplitude, n) = (0.0, mesh.len() as f64);
    for ((i, j, l), z) in y.psi.indexed_iter() {
        let wave = (k * mesh.centre([i, j, l])[0]).cos();
        amplitude += 2.0 / n * (z.norm_sqr() / rho - 1.0) * wave;
    }
    // It has grown, by less than cold matter would, and as the linear equations say.
    let cold = cosmology.growth(0.05) / cosmology.growth(0.02);
    let growth = amplitude / epsilon;
    assert!(
        growth > 1.5 && growth < 0.98 * cold,
        "{growth}, cold {cold}"
    );
    let error = (amplitude / expected[0] - 1.0).abs();
    assert!(error < 2e-4, "{amplitude} {} {error}", expected[0]);
}
