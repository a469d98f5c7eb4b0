//! The direct sum and its derivatives, beside the arithmetic limit of the machine.
//!
//! `cargo bench -p adastra-nbody --bench direct_sum`. The items of the column "Gitem/s" are
//! floating-point operations: 20 a pair by convention (the force alone, whatever is computed),
//! and two a fused multiply-add in `limit`, on as many threads as the sums use.

use adastra_core::{Adjoint, Operator, Real, Tangent};
use adastra_nbody::{GravityParams, PairPrecision, SelfGravity};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use ndarray::{Array1, Array2};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

const PARTICLES: [usize; 3] = [1000, 4096, 10_000];

fn main() {
    divan::main();
}

fn particles<T: Real>(n: usize) -> (Array2<T>, Array1<T>) {
    let at = |i: usize, k: usize| (i as f64 * [0.618_034, 0.754_877, 0.569_840][k]).fract() - 0.5;
    let position = Array2::from_shape_fn((n, 3), |(i, k)| T::of(at(i, k)));
    (position, Array1::from_elem(n, T::of(1.0 / n as f64)))
}

fn parameters<T: Real>() -> GravityParams<T> {
    GravityParams {
        gravitational_constant: T::one(),
        softening: T::of(0.01),
    }
}

fn flops(n: usize) -> ItemsCount {
    ItemsCount::new(20 * n * n)
}

fn forward<T: Real>(bencher: Bencher<'_, '_>, n: usize, gravity: SelfGravity) {
    let (p, x) = (parameters::<T>(), particles::<T>(n));
    bencher
        .counter(flops(n))
        .with_inputs(|| x.clone())
        .bench_local_values(|x| gravity.apply(&p, x));
}

#[divan::bench(types = [f32, f64], args = PARTICLES)]
fn force<T: Real>(bencher: Bencher<'_, '_>, n: usize) {
    forward::<T>(bencher, n, SelfGravity::new());
}

#[divan::bench(args = PARTICLES)]
fn force_of_f64_with_pairs_in_f32(bencher: Bencher<'_, '_>, n: usize) {
    forward::<f64>(bencher, n, SelfGravity::with_pairs(PairPrecision::Single));
}

#[divan::bench(types = [f32, f64], args = PARTICLES)]
fn vjp<T: Real>(bencher: Bencher<'_, '_>, n: usize) {
    let (p, x) = (parameters::<T>(), particles::<T>(n));
    let w = x.0.clone();
    let mut p_bar = p;
    bencher
        .counter(flops(n))
        .with_inputs(|| (x.clone(), w.clone()))
        .bench_local_values(|(x, w)| SelfGravity::new().vjp(&p, x, w, &mut p_bar));
}

#[divan::bench(types = [f32, f64], args = PARTICLES)]
fn jvp<T: Real>(bencher: Bencher<'_, '_>, n: usize) {
    let (p, x) = (parameters::<T>(), particles::<T>(n));
    bencher
        .counter(flops(n))
        .with_inputs(|| x.clone())
        .bench_local_values(|x| SelfGravity::new().jvp(&p, &p, x.clone(), x));
}

const CHAINS: usize = 12;
const LENGTH: usize = 1 << 16;

/// Independent chains of fused multiply-adds that never leave their registers.
struct Chains<T>(T);

macro_rules! chains {
    ($t:ty, $splat:ident, $mul_add:ident, $sum:ident) => {
        impl WithSimd for Chains<$t> {
            type Output = $t;
            #[inline(always)]
            fn with_simd<S: Simd>(self, s: S) -> $t {
                let (a, b) = (s.$splat(self.0), s.$splat(1e-3));
                let mut x = [s.$splat(1.0); CHAINS];
                for _ in 0..LENGTH {
                    for x in &mut x {
                        *x = s.$mul_add(*x, a, b);
                    }
                }
                x.into_iter().map(|x| s.$sum(x)).sum()
            }
        }
    };
}
chains!(f32, splat_f32s, mul_add_e_f32s, reduce_sum_f32s);
chains!(f64, splat_f64s, mul_add_e_f64s, reduce_sum_f64s);

#[divan::bench(types = [f32, f64])]
fn limit<T: Real>(bencher: Bencher<'_, '_>)
where
    Chains<T>: WithSimd<Output = T> + Send,
{
    let arch = Arch::new();
    let lanes = match arch {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V4(_) => 64 / T::BYTES,
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V3(_) => 32 / T::BYTES,
        #[cfg(target_arch = "aarch64")]
        Arch::Neon(_) => 16 / T::BYTES,
        _ => 1,
    };
    let threads = rayon::current_num_threads();
    bencher
        .counter(ItemsCount::new(2 * CHAINS * LENGTH * lanes * threads))
        .bench_local(|| {
            (0..threads)
                .into_par_iter()
                .with_max_len(1)
                .map(|_| arch.dispatch(Chains(black_box(T::of(0.5)))))
                .sum::<T>()
        });
}
