//! The fast multipole method beside the direct sum: time, error, derivative.
//!
//! `cargo bench -p adastra-nbody --bench tree -- [errors] [times] [single] [N ...]`, and
//! `order=`, `angle=`, `leaf=` for other settings than the default. Errors are those of a sample of
//! 1000 particles against the direct sum in f64, as the root mean square and the 99th percentile
//! of |da|/|a|; times are medians, with the processor time of all threads where the system tells.

use std::time::Instant;

use adastra_core::{Adjoint, Operator, Real};
use adastra_nbody::{GravityParams, Multipoles, SelfGravity};
use ndarray::{Array1, Array2};
use rayon::prelude::*;

const SIZES: [usize; 5] = [10_000, 30_000, 100_000, 300_000, 1_000_000];
/// Beyond it the direct sum takes minutes.
const DIRECT: usize = 100_000;

type Particles<T> = (Array2<T>, Array1<T>);

/// A reproducible number in (0, 1), the `k`-th of particle `i`.
fn number(i: usize, k: u64) -> f64 {
    let mut z = (i as u64 * 8 + k + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ z >> 31) >> 11) as f64 / (1u64 << 53) as f64 + 1e-17
}

/// A Plummer sphere of scale radius 1 and mass 1, out to nine tenths and a half of it.
fn plummer<T: Real>(n: usize) -> Particles<T> {
    let rows: Vec<[f64; 3]> = (0..n)
        .map(|i| {
            let r = ((0.95 * number(i, 0)).powf(-2.0 / 3.0) - 1.0)
                .recip()
                .sqrt();
            let z = 2.0 * number(i, 1) - 1.0;
            let (sin, cos) = (std::f64::consts::TAU * number(i, 2)).sin_cos();
            let across = (1.0 - z * z).sqrt();
            [r * across * cos, r * across * sin, r * z]
        })
        .collect();
    particles(&rows)
}

/// A cube of side 1 and mass 1.
fn cube<T: Real>(n: usize) -> Particles<T> {
    let rows: Vec<[f64; 3]> = (0..n).map(|i| [0, 1, 2].map(|k| number(i, k))).collect();
    particles(&rows)
}

fn particles<T: Real>(rows: &[[f64; 3]]) -> Particles<T> {
    let n = rows.len();
    (
        Array2::from_shape_fn((n, 3), |(i, k)| T::of(rows[i][k])),
        Array1::from_elem(n, T::of(1.0 / n as f64)),
    )
}

/// A softening of the order of the separations in the middle.
fn parameters<T: Real>(n: usize) -> GravityParams<T> {
    GravityParams {
        gravitational_constant: T::one(),
        softening: T::of(0.5 * (n as f64).powf(-1.0 / 3.0)),
    }
}

/// Root mean square and 99th percentile of |da|/|a| of a sample.
fn errors<T: Real>(p: &GravityParams<T>, x: &Particles<T>, a: &Array2<T>) -> [f64; 2] {
    let n = x.1.len();
    let flat: Vec<[f64; 4]> = (0..n)
        .map(|i| {
            let x = [0, 1, 2].map(|k| x.0[[i, k]].f64());
            [x[0], x[1], x[2], 0.0]
        })
        .enumerate()
        .map(|(i, [a, b, c, _])| [a, b, c, x.1[i].f64()])
        .collect();
    let squared = p.softening.f64().powi(2);
    let mut errors: Vec<f64> = (0..1000.min(n))
        .into_par_iter()
        .map(|s| {
            let i = s * n / 1000.min(n);
            let mut sum = [0.0; 3];
            for (j, y) in flat.iter().enumerate() {
                let d = [0, 1, 2].map(|k| y[k] - flat[i][k]);
                let s2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + squared;
                let f = if i == j { 0.0 } else { y[3] / (s2 * s2.sqrt()) };
                (0..3).for_each(|k| sum[k] += f * d[k]);
            }
            let g = p.gravitational_constant.f64();
            let off = |k: usize| (a[[i, k]].f64() - g * sum[k]).powi(2);
            let size: f64 = sum.iter().map(|a| (g * a).powi(2)).sum();
            ((0..3).map(off).sum::<f64>() / size).sqrt()
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    let square = errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64;
    [square.sqrt(), errors[errors.len() * 99 / 100]]
}

/// Processor time of this process, in seconds, or NaN.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().nth(11);
    ticks
        .and_then(|t| t.parse::<f64>().ok())
        .map_or(f64::NAN, |t| t / 100.0)
}

/// The median of the seconds of some calls, their processor seconds each, and the last result.
fn timed<R>(mut f: impl FnMut() -> R) -> (f64, f64, R) {
    let (start, before) = (Instant::now(), processor());
    let mut times = Vec::new();
    loop {
        let one = Instant::now();
        let result = f();
        times.push(one.elapsed().as_secs_f64());
        if times.len() == 15 || times.len() > 2 && start.elapsed().as_secs_f64() > 2.0 {
            let each = (processor() - before) / times.len() as f64;
            times.sort_by(f64::total_cmp);
            return (times[times.len() / 2], each, result);
        }
    }
}

fn times<T: Real>(name: &str, n: usize, make: fn(usize) -> Particles<T>, multipoles: Multipoles) {
    let (p, x) = (parameters::<T>(n), make(n));
    let fast = SelfGravity::multipoles(multipoles).unwrap();
    let (wall, cpu, a) = timed(|| fast.apply(&p, x.clone()).unwrap());
    let [rms, most] = errors(&p, &x, &a);
    let mut p_bar = p;
    let (back, back_cpu, _) = timed(|| fast.vjp(&p, x.clone(), a.clone(), &mut p_bar).unwrap());
    print!(
        "{name:8} {} {n:8}  {wall:9.4} s {cpu:9.4} s  {rms:.1e} {most:.1e}",
        T::NAME
    );
    print!("  {back:9.4} s {back_cpu:9.4} s  {:5.2}", back / wall);
    if n <= DIRECT {
        let (wall, cpu, _) = timed(|| SelfGravity::new().apply(&p, x.clone()).unwrap());
        print!("  {wall:9.4} s {cpu:9.4} s");
    }
    println!();
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|a| a == name);
    let value = |name: &str| {
        let found = arguments.iter().find_map(|a| a.strip_prefix(name));
        found.and_then(|v| v.parse::<f64>().ok())
    };
    let mut multipoles = Multipoles::default();
    if let Some(order) = value("order=") {
        multipoles.order = order as usize;
    }
    if let Some(angle) = value("angle=") {
        multipoles.opening_angle = angle;
    }
    if let Some(leaf) = value("leaf=") {
        multipoles.leaf_size = leaf as usize;
    }
    let mut sizes: Vec<usize> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = SIZES.to_vec();
    }
    if !has("errors") {
        println!("{multipoles:?}, {} threads", rayon::current_num_threads());
        println!(
            "                      force: wall, processor   rms, 99 %         vjp: wall, processor, / force   direct sum"
        );
        for n in sizes {
            if has("single") {
                times::<f32>("Plummer", n, plummer, multipoles);
                times::<f32>("cube", n, cube, multipoles);
            } else {
                times::<f64>("Plummer", n, plummer, multipoles);
                times::<f64>("cube", n, cube, multipoles);
            }
        }
        return;
    }
    println!("rms and 99th percentile of |da|/|a|, processor seconds; N = 30000");
    for order in 3..=8 {
        for opening_angle in [0.4, 0.5, 0.6, 0.7] {
            print!("order {order}, opening angle {opening_angle}:");
            for make in [plummer::<f64>, cube::<f64>] {
                let n = sizes[0].max(30_000);
                let fast = SelfGravity::multipoles(Multipoles {
                    order,
                    opening_angle,
                    ..multipoles
                });
                let fast = fast.unwrap();
                let (p, x) = (parameters(n), make(n));
                let (_, cpu, a) = timed(|| fast.apply(&p, x.clone()).unwrap());
                let [rms, most] = errors(&p, &x, &a);
                print!("   {rms:.1e} {most:.1e} {cpu:.3}");
            }
            println!();
        }
    }
}
