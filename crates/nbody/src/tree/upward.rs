//! Moments of the cells, from the particles up.

use rayon::prelude::*;

use super::indices::{Indices, MOST};
use super::interact::{Lanes, WIDTH};
use super::octree::Octree;

/// The charges of one particle: those of the first moments, and those of the second, a charge and
/// a dipole.
#[derive(Clone, Copy)]
pub(crate) struct Charges {
    pub(crate) first: f64,
    pub(crate) second: f64,
    pub(crate) dipole: [f64; 3],
}

/// Moments of all cells, in blocks of [`WIDTH`].
pub(crate) struct Moments {
    sets: usize,
    len: usize,
    /// Coefficient by coefficient, set by set, block by block.
    pub(crate) values: Vec<Lanes>,
    /// Centres of the cells, block by block.
    pub(crate) centres: Vec<[Lanes; 3]>,
}

impl Moments {
    /// One or two sets of moments of particles at `position(i)` with `charges(i)`, numbered in the
    /// order of the tree.
    pub(crate) fn new(
        tree: &Octree,
        indices: &Indices,
        sets: usize,
        position: impl Fn(usize) -> [f64; 3] + Sync,
        charges: impl Fn(usize) -> Charges + Sync,
    ) -> Self {
        let len = indices.len();
        let size = sets * len;
        let mut cells = vec![0.0; tree.cells.len() * size];
        for generation in tree.generations.windows(2).rev() {
            let (upper, lower) = cells.split_at_mut(generation[1] * size);
            let here = upper[generation[0] * size..].par_chunks_mut(size);
            here.enumerate().with_min_len(16).for_each(|(i, here)| {
                let i = generation[0] + i;
                let cell = &tree.cells[i];
                if cell.is_leaf() {
                    for j in cell.particles() {
                        let y = tree.offset(i, position(j));
                        let powers = indices.powers(y.map(|y| -y));
                        add(indices, charges(j), &powers, here);
                    }
                }
                for child in cell.children() {
                    let step = step(tree, i, child);
                    let from = (child - generation[1]) * size;
                    let old = lower[from..from + size].chunks_exact(len);
                    for (old, new) in old.zip(here.chunks_exact_mut(len)) {
                        indices.shift_moments(old, step, new);
                    }
                }
            });
        }
        let blocks = tree.cells.len().div_ceil(WIDTH);
        let mut values = vec![Lanes::default(); blocks * size];
        let parts = values
            .par_chunks_mut(size)
            .zip(cells.par_chunks(WIDTH * size));
        parts.with_min_len(16).for_each(|(block, cells)| {
            for (lane, cell) in cells.chunks_exact(size).enumerate() {
                for (value, moment) in block.iter_mut().zip(cell) {
                    value.0[lane] = *moment;
                }
            }
        });
        let centres = tree.balls.chunks(WIDTH).map(|balls| {
            let mut centres = [Lanes::default(); 3];
            for (lane, ball) in balls.iter().enumerate() {
                for k in 0..3 {
                    centres[k].0[lane] = ball.centre[k];
                }
            }
            centres
        });
        Self {
            sets,
            len,
            values,
            centres: centres.collect(),
        }
    }

    /// A moment of the last set of a cell.
    pub(crate) fn last(&self, cell: usize, n: usize) -> f64 {
        let set = (cell / WIDTH + 1) * self.sets - 1;
        self.values[set * self.len + n].0[cell % WIDTH]
    }
}

fn add(indices: &Indices, charges: Charges, powers: &[f64; MOST], moments: &mut [f64]) {
    let (first, second) = moments.split_at_mut(indices.len());
    indices.add_charge(charges.first, powers, first);
    if !second.is_empty() {
        indices.add_charge(charges.second, powers, second);
        indices.add_dipole(charges.dipole, powers, second);
    }
}

/// From a cell's centre to that of its child.
pub(crate) fn step(tree: &Octree, cell: usize, child: usize) -> [f64; 3] {
    let (from, to) = (tree.balls[cell].centre, tree.balls[child].centre);
    std::array::from_fn(|k| to[k] - from[k])
}
