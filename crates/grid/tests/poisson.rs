//! Real transforms and Poisson's equation.

use std::f64::consts::{PI, TAU};

use adastra_core::{Real, State};
use adastra_grid::{Accumulate, Gravity, Mesh, Modes, Multiplier, Poisson, RealFft, Run};
use ndarray::{Array3, Zip};
use num_complex::Complex;
use proptest::prelude::*;

fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

fn field<T: Real>(mesh: &Mesh, seed: u64) -> Array3<T> {
    let mut next = noise(seed);
    Array3::from_shape_simple_fn(mesh.shape(), || T::of(next()))
}

fn largest<T: Real>(a: &Array3<T>) -> f64 {
    a.iter().fold(0.0, |m, x| {
        if x.is_nan() {
            f64::INFINITY
        } else {
            x.f64().abs().max(m)
        }
    })
}

fn difference<T: Real>(a: &Array3<T>, b: &Array3<f64>) -> f64 {
    let difference = Zip::from(a).and(b).map_collect(|a, b| a.f64() - b);
    largest(&difference)
}

const SHAPES: [[usize; 3]; 14] = [
    [2, 2, 2],
    [4, 4, 4],
    [8, 8, 8],
    [16, 16, 16],
    [32, 64, 32],
    [8, 128, 128],
    [64, 4, 64],
    [6, 6, 6],
    [12, 20, 48],
    [8, 4, 16],
    [12, 6, 10],
    [2, 34, 38],
    [20, 2, 96],
    [2, 2, 256],
];

fn plane_wave<T: Real>(tolerance: f64) {
    // rho = cos(k.x + phase): V = -4 pi G / k^2 rho, a = -grad V = -4 pi G k / k^2 sin(...).
    let four_pi_g = 4.0 * PI * 4.302_410_02e-6;
    for cells in SHAPES {
        let mesh = Mesh::new(cells, [3.0, 5.0, 4.0]).unwrap();
        let poisson = Poisson::<T>::new(&mesh, four_pi_g);
        let mut transforms = 0;
        for m in [
            [1, 0, 0],
            [0, -1, 0],
            [0, 0, 1],
            [1, 1, -1],
            [2, 3, 5],
            [0, 1, 0],
        ] {
            if (0..3).any(|axis| 2 * i32::abs(m[axis]) >= cells[axis] as i32) {
                continue; // The Nyquist mode and beyond.
            }
            let k: [f64; 3] =
                std::array::from_fn(|axis| TAU * f64::from(m[axis]) / mesh.size()[axis]);
            let k_squared: f64 = k.iter().map(|k| k * k).sum();
            let phase = |(i, j, l): (usize, usize, usize)| {
                let x = mesh.centre([i, j, l]);
                0.4 + (0..3).map(|axis| k[axis] * x[axis]).sum::<f64>()
            };
            let rho = Array3::from_shape_fn(mesh.shape(), |i| T::of(7.0 + phase(i).cos()));
            let expected = |f: &dyn Fn(f64) -> f64| {
                Array3::from_shape_fn(mesh.shape(), |i| four_pi_g / k_squared * f(phase(i)))
            };
            let allowed = tolerance * four_pi_g / k_squared;
            let only = poisson.solve(rho.clone(), false);
            assert!(only.acceleration.is_none());
            let v = expected(&|x| -x.cos());
            assert!(difference(&only.potential, &v) < allowed, "{cells:?} {m:?}");
            let both = poisson.solve(rho, true);
            assert!(difference(&both.potential, &v) < allowed, "{cells:?} {m:?}");
            let a = both.acceleration.unwrap();
            for axis in 0..3 {
                let expected = expected(&|x| -k[axis] * x.sin());
                let allowed = allowed * k_squared.sqrt();
                assert!(
                    difference(&a[axis], &expected) < allowed,
                    "{cells:?} {m:?} {axis}"
                );
            }
            transforms += 2 + 5;
        }
        assert_eq!(poisson.transforms(), transforms);
    }
}

#[test]
fn a_plane_wave_has_its_analytic_potential_in_f64() {
    plane_wave::<f64>(3e-13);
}

#[test]
fn a_plane_wave_has_its_analytic_potential_in_f32() {
    plane_wave::<f32>(2e-4);
}

/// The real transform against the complex one: every mode, Nyquist modes included.
fn filters_agree<T: Real>(cells: [usize; 3], seed: u64) -> f64 {
    let mesh = Mesh::new(cells, [1.0, 1.5, 0.7]).unwrap();
    let real = RealFft::<T>::new(&mesh);
    let k = [0, 1, 2].map(|axis| mesh.derivative_wavenumbers(axis));
    let q = [0, 1, 2].map(|axis| mesh.wavenumbers(axis));
    let multiplier = |[x, y, z]: [usize; 3]| {
        let odd = 0.02 * k[0][x] - 0.03 * k[1][y] + 0.01 * k[2][z];
        let even = q[0][x].powi(2) + 2.0 * q[1][y].powi(2) + 3.0 * q[2][z].powi(2);
        Complex::new((-1e-3 * even).exp(), odd)
    };
    let of = |z: Complex<f64>| Complex::new(T::of(z.re), T::of(z.im));
    let original = field::<T>(&mesh, seed);
    let mut found = original.clone();
    real.filter_real(&mut found, |mode| of(multiplier(mode)));
    assert_eq!(real.transforms(), 2);
    let mut expected = original.mapv(|x| Complex::new(x.f64(), 0.0));
    adastra_grid::Fft::new(cells).filter(
        [&mut expected],
        |_, _| (),
        |mode, [z]| ([multiplier(mode) * z], ()),
    );
    let imaginary = largest(&expected.mapv(|z| z.im));
    let expected = expected.mapv(|z| z.re);
    assert!(
        imaginary < 1e-12 * largest(&expected),
        "{cells:?}: {imaginary}"
    );
    difference(&found, &expected) / largest(&expected)
}

#[test]
fn real_filters_agree_with_complex_ones() {
    for cells in SHAPES {
        assert!(filters_agree::<f64>(cells, 5) < 1e-13, "{cells:?}");
        assert!(filters_agree::<f32>(cells, 5) < 1e-5, "{cells:?}");
    }
}

fn adjoint<T: Real>(cells: [usize; 3], acceleration: bool, seed: u64) -> f64 {
    let mesh = Mesh::new(cells, [2.0, 3.0, 5.0]).unwrap();
    let poisson = Poisson::<T>::new(&mesh, 2.0);
    let rho = field::<T>(&mesh, seed);
    let bar = Gravity {
        potential: field(&mesh, seed ^ 1),
        acceleration: acceleration.then(|| [2, 3, 4].map(|i| field(&mesh, seed ^ i))),
    };
    let y = poisson.solve(rho.clone(), acceleration);
    let terms = |a: &Gravity<T>, b: &Gravity<T>| {
        let mut terms = vec![State::<T>::dot(&a.potential, &b.potential)];
        if let (Some(a), Some(b)) = (&a.acceleration, &b.acceleration) {
            terms.extend(a.iter().zip(b).map(|(a, b)| State::<T>::dot(a, b)));
        }
        terms
    };
    let left: f64 = terms(&y, &bar).iter().sum();
    let right = State::<T>::dot(&poisson.solve_vjp(&bar), &rho);
    let scale: f64 =
        terms(&y, &y).iter().sum::<f64>().sqrt() * terms(&bar, &bar).iter().sum::<f64>().sqrt();
    (left - right).abs() / scale
}

#[test]
fn the_transpose_is_exact() {
    for cells in SHAPES {
        for acceleration in [false, true] {
            assert!(
                adjoint::<f64>(cells, acceleration, 6) < 1e-13,
                "{cells:?} {acceleration}"
            );
            assert!(
                adjoint::<f32>(cells, acceleration, 6) < 1e-5,
                "{cells:?} {acceleration}"
            );
        }
    }
}

/// Counts modes of the full spectrum, and sums `|a|^2` over them.
struct Power<'a>(&'a RealFft<f64>);

#[derive(Default)]
struct Total {
    modes: f64,
    power: f64,
}

impl Accumulate for Total {
    fn add(&mut self, other: Self) {
        self.modes += other.modes;
        self.power += other.power;
    }
}

impl Multiplier<f64, 1> for Power<'_> {
    type Sum = Total;
    fn multiply(&self, run: Run, [a]: [Modes<'_, f64>; 1], sum: &mut Total) {
        for lane in 0..run.len {
            let weight = self.0.weight(run.mode(lane)[2]);
            sum.modes += weight;
            sum.power += weight * a.get(lane).norm_sqr();
        }
    }
}

#[test]
fn every_mode_is_seen_once() {
    for cells in SHAPES {
        let mesh = Mesh::new(cells, [1.0; 3]).unwrap();
        let fft = RealFft::new(&mesh);
        let a = field::<f64>(&mesh, 7);
        let total = fft.map(&[&a], &mut [], &Power(&fft));
        assert_eq!(total.modes, mesh.len() as f64);
        let expected = mesh.len() as f64 * State::<f64>::dot(&a, &a);
        assert!((total.power / expected - 1.0).abs() < 1e-13, "{cells:?}");
        assert_eq!(fft.transforms(), 1);
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let mesh = Mesh::new([16, 20, 32], [1.0; 3]).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| Poisson::<f32>::new(&mesh, 1.0).solve(field(&mesh, 8), true))
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_mesh(x in 1_usize..12, y in 1_usize..40, z in 1_usize..40, seed: u64, both: bool) {
        let cells = [2 * x, 2 * y, 2 * z];
        prop_assert!(filters_agree::<f64>(cells, seed) < 1e-12);
        prop_assert!(adjoint::<f64>(cells, both, seed) < 1e-12);
    }
}
