//! Transforms of lines of `2^a 3^b 5^c` points, vectorized across the lines of a block.
//!
//! Forward: decimation in frequency, natural order in, digit-reversed order out. Inverse: its
//! transpose step by step, digit-reversed in, natural out. So a filter never reorders, and the
//! other transforms reorder whole rows on their way between field and block, at no cost. See
//! Van Loan, Computational Frameworks for the Fast Fourier Transform (1992), chapters 1 and 2.

use std::f64::consts::TAU;
use std::marker::PhantomData;

use num_complex::Complex;
use pulp::{Arch, Simd, WithSimd};

use crate::butterfly::{Butterfly, Radix};
use crate::lanes::row;
use crate::line::Kernel;
use crate::simd::{Lane, Ops, Z};

/// The kernel for lines of `n` points, if there is one for this length and this machine.
pub(crate) fn kernel<T: Lane>(n: usize) -> Option<Box<dyn Kernel<T>>> {
    Mixed::new(n, Arch::new()).map(|kernel| -> Box<dyn Kernel<T>> { Box::new(kernel) })
}

/// Splits `n` into radices, or `None` if it has another prime factor.
fn radices(mut n: usize) -> Option<Vec<usize>> {
    let mut radices = Vec::new();
    for radix in [5, 3] {
        while n.is_multiple_of(radix) {
            radices.push(radix);
            n /= radix;
        }
    }
    if !n.is_power_of_two() {
        return None;
    }
    // Eights, and at the end fours and at most a lone two.
    let mut bits = n.trailing_zeros();
    while bits > 0 {
        let take = if bits == 4 { 2 } else { bits.min(3) };
        radices.push(1 << take);
        bits -= take;
    }
    Some(radices)
}

/// One pass: transforms of `radix` points that lie `step` rows apart, and their twiddle factors.
struct Pass<T> {
    radix: usize,
    step: usize,
    /// `exp(-2 pi i j p / (radix step))` for `j < step` and `p < radix`.
    twiddles: Vec<[T; 2]>,
}

/// Whether [`Mixed::run`] has code for an instruction set.
fn has_registers(arch: &Arch) -> bool {
    match arch {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V4(_) | Arch::V3(_) => true,
        #[cfg(target_arch = "aarch64")]
        Arch::Neon(_) => true,
        _ => false,
    }
}

struct Mixed<T> {
    n: usize,
    passes: Vec<Pass<T>>,
    arch: Arch,
}

impl<T: Lane> Mixed<T> {
    fn new(n: usize, arch: Arch) -> Option<Self> {
        if n == 0 || !has_registers(&arch) {
            return None;
        }
        let mut length = n;
        let mut passes = Vec::new();
        for radix in radices(n)? {
            let step = length / radix;
            let twiddle = |j: usize, p: usize| {
                let w = Complex::cis(-TAU * (j * p) as f64 / length as f64);
                [T::of(w.re), T::of(w.im)]
            };
            let twiddles = (0..step).flat_map(|j| (0..radix).map(move |p| twiddle(j, p)));
            passes.push(Pass {
                radix,
                step,
                twiddles: twiddles.collect(),
            });
            length = step;
        }
        Some(Self { n, passes, arch })
    }

    fn run<const FORWARD: bool>(&self, block: &mut [T]) {
        let (passes, block) = (&self.passes, &mut block[..self.n * row::<T>()]);
        // A row is 128 bytes: the number of registers that it fills is known for each set.
        match self.arch {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Arch::V4(simd) => Simd::vectorize(simd, Transform::<T, FORWARD, 2> { passes, block }),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Arch::V3(simd) => Simd::vectorize(simd, Transform::<T, FORWARD, 4> { passes, block }),
            #[cfg(target_arch = "aarch64")]
            Arch::Neon(simd) => Simd::vectorize(simd, Transform::<T, FORWARD, 8> { passes, block }),
            _ => {}
        }
    }
}

impl<T: Lane> Kernel<T> for Mixed<T> {
    fn forward(&self, block: &mut [T]) {
        self.run::<true>(block);
    }

    fn inverse(&self, block: &mut [T]) {
        self.run::<false>(block);
    }

    fn order(&self) -> Vec<usize> {
        let mut order = vec![0];
        for pass in self.passes.iter().rev() {
            // Block p of a pass holds the modes p, p + radix, ... in the order found so far.
            let (radix, inner) = (pass.radix, order);
            order = (0..radix)
                .flat_map(|p| inner.iter().map(move |k| p + radix * k))
                .collect();
        }
        order
    }
}

/// All passes over one block whose rows are `N` registers each.
struct Transform<'a, T, const FORWARD: bool, const N: usize> {
    passes: &'a [Pass<T>],
    block: &'a mut [T],
}

impl<T: Lane, const FORWARD: bool, const N: usize> WithSimd for Transform<'_, T, FORWARD, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let ops = Ops::<T, S>(simd, PhantomData);
        let (rows, _) = T::vectors_mut::<S>(self.block).as_chunks_mut::<N>();
        let last = self.passes.len().saturating_sub(1);
        // A loop and no closure: what is not inlined here is compiled without the vector
        // instructions, and every operation on a register becomes a call.
        for i in 0..self.passes.len() {
            let pass = &self.passes[if FORWARD { i } else { last - i }];
            match pass.radix {
                2 => apply::<T, S, FORWARD, N, 2>(ops, pass, rows),
                3 => apply::<T, S, FORWARD, N, 3>(ops, pass, rows),
                4 => apply::<T, S, FORWARD, N, 4>(ops, pass, rows),
                5 => apply::<T, S, FORWARD, N, 5>(ops, pass, rows),
                _ => apply::<T, S, FORWARD, N, 8>(ops, pass, rows),
            }
        }
    }
}

/// One pass over all rows.
///
/// The inverse exchanges real and imaginary parts, which turns the butterflies and twiddle
/// factors into their conjugates.
#[inline(always)]
fn apply<T: Lane, S: Simd, const FORWARD: bool, const N: usize, const R: usize>(
    ops: Ops<T, S>,
    pass: &Pass<T>,
    rows: &mut [[T::V<S>; N]],
) where
    Radix: Butterfly<R>,
{
    let step = pass.step;
    for group in rows.chunks_exact_mut(R * step) {
        let mut chunks = group.chunks_exact_mut(step);
        let parts: [_; R] = std::array::from_fn(|_| chunks.next().expect("R parts"));
        let (twiddles, _) = pass.twiddles.as_chunks::<R>();
        for (j, twiddles) in twiddles.iter().enumerate().take(step) {
            for lane in 0..N / 2 {
                let (re, im) = if FORWARD {
                    (lane, N / 2 + lane)
                } else {
                    (N / 2 + lane, lane)
                };
                let mut x: [Z<T, S>; R] = std::array::from_fn(|q| Z {
                    re: parts[q][j][re],
                    im: parts[q][j][im],
                });
                if !FORWARD && step > 1 {
                    x = std::array::from_fn(|p| {
                        if p == 0 {
                            x[0]
                        } else {
                            ops.rotate(x[p], twiddles[p])
                        }
                    });
                }
                let mut y = Radix::transform(ops, x);
                if FORWARD && step > 1 {
                    y = std::array::from_fn(|p| {
                        if p == 0 {
                            y[0]
                        } else {
                            ops.rotate(y[p], twiddles[p])
                        }
                    });
                }
                for p in 0..R {
                    (parts[p][j][re], parts[p][j][im]) = (y[p].re, y[p].im);
                }
            }
        }
    }
}
