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
use crate::lanes::{Rows, width};
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
    /// Sets of `radix step` rows.
    groups: usize,
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
                groups: n / length,
                twiddles: twiddles.collect(),
            });
            length = step;
        }
        Some(Self { passes, arch })
    }

    fn run<const FORWARD: bool>(&self, block: Rows<'_, T>) {
        let passes = &self.passes;
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
    fn forward(&self, block: Rows<'_, T>) {
        self.run::<true>(block);
    }

    fn inverse(&self, block: Rows<'_, T>) {
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
    block: Rows<'a, T>,
}

impl<T: Lane, const FORWARD: bool, const N: usize> WithSimd for Transform<'_, T, FORWARD, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let ops = Ops::<T, S>(simd, PhantomData);
        // The registers of half a row are `width` numbers.
        let registers = |numbers: usize| numbers / width::<T>() * (N / 2);
        let stride = registers(self.block.stride);
        let data = T::vectors_mut::<S>(self.block.data);
        let rows = &mut data[registers(self.block.first)..];
        let count = self.passes.len();
        // A loop: a closure as large as this might not be inlined, and then not use the vector
        // instructions that the dispatcher enables.
        for i in 0..count {
            let pass = &self.passes[if FORWARD { i } else { count - 1 - i }];
            match pass.radix {
                2 => apply::<T, S, FORWARD, N, 2>(ops, pass, rows, stride),
                3 => apply::<T, S, FORWARD, N, 3>(ops, pass, rows, stride),
                4 => apply::<T, S, FORWARD, N, 4>(ops, pass, rows, stride),
                5 => apply::<T, S, FORWARD, N, 5>(ops, pass, rows, stride),
                _ => apply::<T, S, FORWARD, N, 8>(ops, pass, rows, stride),
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
    rows: &mut [T::V<S>],
    stride: usize,
) where
    Radix: Butterfly<R>,
{
    let zero = ops.splat(T::zero());
    let (twiddles, _) = pass.twiddles.as_chunks::<R>();
    let far = pass.step * stride;
    for group in 0..pass.groups {
        for (j, twiddles) in twiddles.iter().enumerate() {
            let first = (group * R * pass.step + j) * stride;
            for lane in 0..N / 2 {
                let (re, im) = if FORWARD {
                    (lane, N / 2 + lane)
                } else {
                    (N / 2 + lane, lane)
                };
                let mut x = [Z { re: zero, im: zero }; R];
                for q in 0..R {
                    x[q] = Z {
                        re: rows[first + q * far + re],
                        im: rows[first + q * far + im],
                    };
                }
                if !FORWARD && pass.step > 1 {
                    for q in 1..R {
                        x[q] = ops.rotate(x[q], twiddles[q]);
                    }
                }
                let mut y = Radix::transform(ops, x);
                if FORWARD && pass.step > 1 {
                    for q in 1..R {
                        y[q] = ops.rotate(y[q], twiddles[q]);
                    }
                }
                for q in 0..R {
                    rows[first + q * far + re] = y[q].re;
                    rows[first + q * far + im] = y[q].im;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::row;

    fn instruction_sets() -> Vec<Arch> {
        let mut sets = Vec::new();
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            sets.extend(pulp::x86::V3::try_new().map(Arch::V3));
            sets.extend(pulp::x86::V4::try_new().map(Arch::V4));
        }
        #[cfg(target_arch = "aarch64")]
        sets.extend(pulp::aarch64::Neon::try_new().map(Arch::Neon));
        sets
    }

    /// The largest error of a transform of noise, over the largest mode, and of the way back.
    fn errors<T: Lane>(kernel: &Mixed<T>, n: usize, stride: usize, first: usize) -> (f64, f64) {
        let (width, len) = (width::<T>(), first + (n - 1) * stride + row::<T>());
        let noise = |i: usize| ((i * 7919 + 13) % 1009) as f64 / 504.5 - 1.0;
        let original: Vec<T> = (0..len).map(|i| T::of(noise(i))).collect();
        let mut data = original.clone();
        kernel.forward(Rows {
            data: &mut data,
            stride,
            first,
        });
        let at = |data: &[T], i: usize, lane: usize| {
            let at = first + i * stride + lane;
            Complex::new(data[at].f64(), data[at + width].f64())
        };
        let (mut worst, mut largest) = (0.0_f64, 0.0_f64);
        for lane in 0..width {
            for (i, &k) in kernel.order().iter().enumerate() {
                let root = |j: usize| Complex::cis(-TAU * (j * k % n) as f64 / n as f64);
                let expected: Complex<f64> = (0..n).map(|j| at(&original, j, lane) * root(j)).sum();
                worst = worst.max((at(&data, i, lane) - expected).norm());
                largest = largest.max(expected.norm());
            }
        }
        kernel.inverse(Rows {
            data: &mut data,
            stride,
            first,
        });
        let mut back = 0.0_f64;
        for lane in 0..width {
            for i in 0..n {
                let expected = at(&original, i, lane) * n as f64;
                back = back.max((at(&data, i, lane) - expected).norm() / n as f64);
            }
        }
        (worst / largest, back)
    }

    const LENGTHS: [usize; 24] = [
        1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 16, 20, 24, 25, 32, 45, 48, 64, 96, 100, 128, 256, 512,
    ];

    fn check<T: Lane>(tolerance: f64) {
        for arch in instruction_sets() {
            for n in LENGTHS {
                let kernel = Mixed::<T>::new(n, arch).unwrap();
                let (row, width) = (row::<T>(), width::<T>());
                for (stride, first) in [(row, 0), (3 * row + width, 2 * row)] {
                    let (forward, back) = errors(&kernel, n, stride, first);
                    assert!(forward < tolerance, "{n} {stride} {arch:?}: {forward}");
                    assert!(back < tolerance, "{n} {stride} {arch:?}: {back}");
                }
            }
        }
    }

    #[test]
    fn lines_follow_the_definition_in_f32() {
        check::<f32>(2e-6);
    }

    #[test]
    fn lines_follow_the_definition_in_f64() {
        check::<f64>(3e-15);
    }

    #[test]
    fn what_lies_between_rows_is_left_alone() {
        for arch in instruction_sets() {
            let kernel = Mixed::<f64>::new(8, arch).unwrap();
            let stride = row::<f64>() + width::<f64>();
            let mut data = vec![1.0; 8 * stride];
            kernel.forward(Rows {
                data: &mut data,
                stride,
                first: 0,
            });
            for line in data.chunks_exact(stride) {
                assert_eq!(line[row::<f64>()..], [1.0; width::<f64>()]);
            }
        }
    }

    #[test]
    fn other_lengths_and_machines_are_left_to_the_general_kernel() {
        for arch in instruction_sets() {
            for n in [7, 11, 14, 26, 77] {
                assert!(Mixed::<f32>::new(n, arch).is_none());
            }
        }
        assert!(Mixed::<f32>::new(8, Arch::Scalar).is_none());
    }
}
