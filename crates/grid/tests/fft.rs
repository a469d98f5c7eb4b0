//! Complex transforms and filters against the definition.

use adastra_core::Real;
use adastra_grid::Fft;
use ndarray::{Array3, Axis, Zip};
use num_complex::Complex;
use proptest::prelude::*;

/// Reproducible numbers in [-1, 1).
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

fn field<T: Real>(cells: [usize; 3], seed: u64) -> Array3<Complex<T>> {
    let mut next = noise(seed);
    Array3::from_shape_simple_fn(cells, || Complex::new(T::of(next()), T::of(next())))
}

/// The definition of the transform, one axis after the other, in f64.
fn definition<T: Real>(field: &Array3<Complex<T>>, sign: f64) -> Array3<Complex<f64>> {
    let mut out = field.mapv(|z| Complex::new(z.re.f64(), z.im.f64()));
    for axis in 0..3 {
        for mut lane in out.lanes_mut(Axis(axis)) {
            let x = lane.to_vec();
            let n = x.len();
            let root: Vec<_> = (0..n)
                .map(|j| Complex::cis(sign * std::f64::consts::TAU * j as f64 / n as f64))
                .collect();
            for (k, z) in lane.iter_mut().enumerate() {
                *z = x.iter().enumerate().map(|(j, x)| x * root[j * k % n]).sum();
            }
        }
    }
    out
}

/// Largest difference over the largest value; NaN counts as infinite.
fn error<T: Real>(found: &Array3<Complex<T>>, expected: &Array3<Complex<f64>>) -> f64 {
    let mut worst = 0.0_f64;
    let mut largest = f64::MIN_POSITIVE;
    Zip::from(found).and(expected).for_each(|a, b| {
        let difference = (Complex::new(a.re.f64(), a.im.f64()) - b).norm();
        worst = if difference.is_nan() {
            f64::INFINITY
        } else {
            worst.max(difference)
        };
        largest = largest.max(b.norm());
    });
    worst / largest
}

const SHAPES: [[usize; 3]; 19] = [
    [2, 2, 2],
    [4, 4, 4],
    [8, 8, 8],
    [16, 16, 16],
    [32, 32, 32],
    [64, 4, 64],
    [4, 64, 8],
    [128, 2, 16],
    [2, 128, 32],
    [2, 4, 128],
    [256, 2, 8],
    [2, 4, 512],
    [6, 6, 6],
    [12, 20, 48],
    [8, 4, 16],
    [12, 6, 10],
    [7, 11, 13],
    [1, 3, 1],
    [96, 2, 24],
];

fn transforms_agree<T: Real>(tolerance: f64) {
    for cells in SHAPES {
        let fft = Fft::<T>::new(cells);
        let x = field::<T>(cells, 1);
        let mut y = x.clone();
        fft.forward(&mut y);
        let expected = definition(&x, -1.0);
        assert!(
            error(&y, &expected) < tolerance,
            "forward {cells:?}: {}",
            error(&y, &expected)
        );
        let energy = |a: &Array3<Complex<T>>| -> f64 { a.iter().map(|z| z.norm_sqr().f64()).sum() };
        let parseval = energy(&y) / (energy(&x) * x.len() as f64) - 1.0;
        assert!(
            parseval.abs() < 10.0 * tolerance,
            "Parseval {cells:?}: {parseval}"
        );
        fft.inverse(&mut y);
        let original = x.mapv(|z| Complex::new(z.re.f64(), z.im.f64()));
        assert!(error(&y, &original) < tolerance, "round trip {cells:?}");
        let mut y = x.clone();
        fft.inverse(&mut y);
        let expected = definition(&x, 1.0).mapv(|z| z / x.len() as f64);
        assert!(error(&y, &expected) < tolerance, "inverse {cells:?}");
        assert_eq!(fft.transforms(), 3);
    }
}

#[test]
fn transforms_follow_the_definition_in_f64() {
    transforms_agree::<f64>(1e-14);
}

#[test]
fn transforms_follow_the_definition_in_f32() {
    transforms_agree::<f32>(1e-6);
}

fn filter_is_three_steps<T: Real>(tolerance: f64) {
    for cells in SHAPES {
        let fft = Fft::<T>::new(cells);
        let mut a = field::<T>(cells, 2);
        let mut b = field::<T>(cells, 3);
        let phase = |[x, y, z]: [usize; 3]| {
            Complex::cis(0.3 * x as f64 + 0.7 * (y * y) as f64 - 1.1 * (z * x) as f64)
        };
        let kick = |ix: usize, i: usize| 1.0 + 0.1 * (ix * cells[1] * cells[2] + i) as f64;
        let of = |z: Complex<f64>| Complex::new(T::of(z.re), T::of(z.im));
        let wide = |z: Complex<T>| Complex::new(z.re.f64(), z.im.f64());

        let modes = [&a, &b].map(|field| {
            let mut field = field.clone();
            for (ix, mut plane) in field.outer_iter_mut().enumerate() {
                plane
                    .iter_mut()
                    .enumerate()
                    .for_each(|(i, z)| *z = z.scale(T::of(kick(ix, i))));
            }
            definition(&field, -1.0)
        });
        let expected_sum: f64 = Zip::from(&modes[0])
            .and(&modes[1])
            .fold(0.0, |sum, a, b| sum + (a.conj() * b).im);
        let expected = modes.map(|modes| {
            let mut modes = modes;
            modes
                .indexed_iter_mut()
                .for_each(|((x, y, z), m)| *m *= phase([x, y, z]));
            definition(&modes, 1.0).mapv(|z| z / modes.len() as f64)
        });

        let sum = fft.filter(
            [&mut a, &mut b],
            |ix, slabs| {
                for slab in slabs {
                    let slab = slab.iter_mut().enumerate();
                    slab.for_each(|(i, z)| *z = z.scale(T::of(kick(ix, i))));
                }
            },
            |mode, [a, b]| {
                let m = of(phase(mode));
                ([m * a, m * b], (wide(a).conj() * wide(b)).im)
            },
        );
        assert!(error(&a, &expected[0]) < tolerance, "{cells:?}");
        assert!(error(&b, &expected[1]) < tolerance, "{cells:?}");
        let scale = Zip::from(&expected[0]).fold(0.0, |sum, a| sum + a.norm_sqr()) * a.len() as f64;
        assert!(
            (sum - expected_sum).abs() < tolerance * scale,
            "{sum} {expected_sum}"
        );
        assert_eq!(fft.transforms(), 4);
    }
}

#[test]
fn filter_is_kick_forward_multiply_inverse_in_f64() {
    filter_is_three_steps::<f64>(2e-13);
}

#[test]
fn filter_is_kick_forward_multiply_inverse_in_f32() {
    filter_is_three_steps::<f32>(3e-5);
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut a = field::<f32>([16, 32, 12], 4);
            let sum = Fft::new([16, 32, 12]).filter(
                [&mut a],
                |_, _| (),
                |[x, _, _], [a]| ([a.scale(1.0 + x as f32)], a.norm_sqr() as f64),
            );
            (a, sum.to_bits())
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_shape(nx in 1_usize..20, ny in 1_usize..40, nz in 1_usize..40, seed: u64) {
        let cells = [nx, ny, nz];
        let fft = Fft::<f64>::new(cells);
        let x = field::<f64>(cells, seed);
        let mut y = x.clone();
        fft.forward(&mut y);
        prop_assert!(error(&y, &definition(&x, -1.0)) < 1e-13);
        fft.inverse(&mut y);
        prop_assert!(error(&y, &x) < 1e-13);
    }
}
