//! What happens to the modes between a forward and an inverse transform.

use adastra_core::Real;
use num_complex::Complex;
use pulp::NullaryFnOnce;

use crate::Accumulate;
use crate::lanes::{Rows, row, width};

/// A run of neighbouring modes: `at`, then one further along `axis`, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Indices `(ix, iy, iz)` of the first mode, in the order of
    /// [`Mesh::wavenumbers`](crate::Mesh::wavenumbers).
    pub at: [usize; 3],
    /// The axis along which the run extends: 2, or 1 for some modes of real fields.
    pub axis: usize,
    /// How many modes.
    pub len: usize,
}

impl Run {
    /// The indices of the mode `lane` of the run.
    #[inline(always)]
    pub fn mode(&self, lane: usize) -> [usize; 3] {
        let mut at = self.at;
        at[self.axis] += lane;
        at
    }

    /// The part of a table along the run's axis that belongs to the run.
    ///
    /// # Panics
    /// When the table is shorter than the mesh.
    #[inline(always)]
    pub fn along<'a, X>(&self, table: &'a [X]) -> &'a [X] {
        &table[self.at[self.axis]..][..self.len]
    }
}

/// The amplitudes of one field on a [`Run`]: real and imaginary parts, apart.
#[derive(Debug)]
pub struct Modes<'a, T> {
    /// Real parts.
    pub re: &'a mut [T],
    /// Imaginary parts.
    pub im: &'a mut [T],
}

impl<T: Real> Modes<'_, T> {
    /// The amplitude of the mode `lane` of the run.
    #[inline(always)]
    pub fn get(&self, lane: usize) -> Complex<T> {
        Complex::new(self.re[lane], self.im[lane])
    }

    /// Sets the amplitude of the mode `lane` of the run.
    #[inline(always)]
    pub fn set(&mut self, lane: usize, z: Complex<T>) {
        (self.re[lane], self.im[lane]) = (z.re, z.im);
    }
}

/// A map of the amplitudes of `K` fields, mode by mode, that may add up a sum over modes.
///
/// Runs of modes rather than single ones, so that an implementation can be compiled to vector
/// instructions: write loops over slices of one length. Mark the method `#[inline(always)]`.
pub trait Multiplier<T: Real, const K: usize>: Sync {
    /// What is summed over all modes.
    type Sum: Accumulate;

    /// Replaces the amplitudes on a run, and adds their part to `sum`.
    fn multiply(&self, run: Run, modes: [Modes<'_, T>; K], sum: &mut Self::Sum);

    /// How many of the fields, the first ones, a filter transforms back; the others only lend
    /// their modes.
    fn outputs(&self) -> usize {
        K
    }
}

/// A closure on single modes as a [`Multiplier`].
pub(crate) struct ByMode<F>(pub(crate) F);

impl<T, S, F, const K: usize> Multiplier<T, K> for ByMode<F>
where
    T: Real,
    S: Accumulate,
    F: Fn([usize; 3], [Complex<T>; K]) -> ([Complex<T>; K], S) + Sync,
{
    type Sum = S;

    #[inline(always)]
    fn multiply(&self, run: Run, mut modes: [Modes<'_, T>; K], sum: &mut S) {
        for lane in 0..run.len {
            let mut values = [Complex::new(T::zero(), T::zero()); K];
            for k in 0..K {
                values[k] = modes[k].get(lane);
            }
            let (values, part) = (self.0)(run.mode(lane), values);
            for k in 0..K {
                modes[k].set(lane, values[k]);
            }
            sum.add(part);
        }
    }
}

/// A multiplier on `K` blocks, compiled for the vector instructions of the machine.
struct MultiplyBlocks<'a, T, M, S, const K: usize> {
    multiplier: &'a M,
    order: &'a [usize],
    run: Run,
    blocks: [Rows<'a, T>; K],
    sum: &'a mut S,
}

impl<T: Real, M: Multiplier<T, K>, const K: usize> NullaryFnOnce
    for MultiplyBlocks<'_, T, M, M::Sum, K>
{
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = width::<T>();
        if self.run.len == width {
            // With a length that the compiler knows, a run is a few whole registers.
            let run = Run {
                len: width,
                ..self.run
            };
            Self { run, ..self }.rows();
        } else {
            self.rows();
        }
    }
}

impl<T: Real, M: Multiplier<T, K>, const K: usize> MultiplyBlocks<'_, T, M, M::Sum, K> {
    #[inline(always)]
    fn rows(self) {
        let Self {
            multiplier,
            order,
            run,
            mut blocks,
            sum,
        } = self;
        let [_, iy, iz] = run.at;
        for (i, &ix) in order.iter().enumerate() {
            let run = Run {
                at: [ix, iy, iz],
                ..run
            };
            // A loop, as a closure in here might not be inlined, and then not use the vector
            // instructions that the dispatcher enables.
            let mut modes: [_; K] = std::array::from_fn(|_| Modes {
                re: &mut [],
                im: &mut [],
            });
            for (modes, block) in modes.iter_mut().zip(&mut blocks) {
                let row = &mut block.data[block.first + i * block.stride..][..row::<T>()];
                let (re, im) = row.split_at_mut(width::<T>());
                *modes = Modes {
                    re: &mut re[..run.len],
                    im: &mut im[..run.len],
                };
            }
            multiplier.multiply(run, modes, sum);
        }
    }
}

/// Applies a multiplier to `K` blocks whose row `i` holds the modes `order[i]` along x and those
/// of `run` across.
pub(crate) fn multiply_blocks<T: Real, const K: usize, M: Multiplier<T, K>>(
    multiplier: &M,
    order: &[usize],
    run: Run,
    blocks: [Rows<'_, T>; K],
    sum: &mut M::Sum,
) {
    pulp::Arch::new().dispatch(MultiplyBlocks {
        multiplier,
        order,
        run,
        blocks,
        sum,
    });
}
