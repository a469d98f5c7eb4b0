//! Down the tree: which cells are far from each other, and what they do to each other.

use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use super::indices::{Indices, MOST};
use super::interact::{Interact, Polynomials, Some8, Table, WIDTH};
use super::octree::{Ball, Octree};
use super::query::{Place, Query};
use super::upward::{Moments, step};
use crate::pairs::Near;
use crate::simd::{Lane, dispatch};

/// Particles of a cell below which its children are not shared among threads.
const GRAIN: usize = 512;

/// What all cells need to know.
pub(crate) struct Descent<'a, Q, R> {
    pub(crate) query: Q,
    pub(crate) tree: &'a Octree,
    pub(crate) indices: &'a Indices,
    pub(crate) moments: &'a Moments,
    pub(crate) table: Table,
    pub(crate) opening_angle: f64,
    /// In units of the tree.
    pub(crate) softening: f64,
    /// The columns of a particle, in f64.
    pub(crate) row: R,
}

/// The same with the columns in the scalar of the pairs.
struct Cells<'a, Q, R, T, const IN: usize> {
    all: &'a Descent<'a, Q, R>,
    columns: &'a [Vec<T>; IN],
    softening: f64,
    arch: Arch,
}

/// Memory that is used again for each cell.
struct Scratch<T, const IN: usize> {
    /// Which cells of a block are far, and blocks that have any.
    masks: Vec<u8>,
    blocks: Vec<Some8>,
    stack: Vec<u32>,
    near: Vec<u32>,
    sources: [Vec<T>; IN],
}

impl<'a, Q, R> Descent<'a, Q, R> {
    /// The sums of all particles, in the order of the tree, and that over all far pairs of what
    /// depends on the softening alone.
    pub(crate) fn run<T, const IN: usize, const OUT: usize>(
        &'a self,
        columns: &'a [Vec<T>; IN],
        sums: &mut [[f64; OUT]],
    ) -> f64
    where
        T: Lane,
        Q: Query<IN, OUT>,
        R: Fn(usize) -> [f64; IN] + Sync,
    {
        let cells = Cells {
            all: self,
            columns,
            softening: self.softening / self.tree.inverse_side,
            arch: Arch::new(),
        };
        cells.descend(0, vec![0], vec![[0.0; MOST]; 3], sums, &mut cells.scratch())
    }
}

impl<Q, R, T, const IN: usize> Cells<'_, Q, R, T, IN>
where
    T: Lane,
    R: Fn(usize) -> [f64; IN] + Sync,
{
    fn scratch(&self) -> Scratch<T, IN> {
        Scratch {
            masks: vec![0; self.all.moments.centres.len()],
            blocks: Vec::new(),
            stack: Vec::new(),
            near: Vec::new(),
            sources: std::array::from_fn(|_| Vec::new()),
        }
    }

    /// Treats a cell and all below it. Of the `pending` cells it is not known yet whether they
    /// are far; `polynomials` are those of the cells that are far from its parent, about the
    /// cell's centre.
    fn descend<const OUT: usize>(
        &self,
        cell: usize,
        pending: Vec<u32>,
        mut polynomials: Polynomials,
        sums: &mut [[f64; OUT]],
        scratch: &mut Scratch<T, IN>,
    ) -> f64
    where
        Q: Query<IN, OUT>,
    {
        let Descent { query, tree, .. } = *self.all;
        let next = self.sort_out(cell, pending, scratch);
        let mut softening = self.interact(cell, &mut polynomials, scratch);
        let here = tree.cells[cell];
        if here.is_leaf() {
            self.pairs(cell, sums, scratch);
            for (i, sums) in here.particles().zip(sums) {
                let row = (self.all.row)(i);
                let y = tree.offset(cell, [row[0], row[1], row[2]]);
                let place = Place {
                    indices: self.all.indices,
                    polynomials: &polynomials,
                    powers: self.all.indices.powers(y),
                    row,
                    scale: tree.inverse_side,
                };
                query.add_far(&place, sums);
            }
            return softening;
        }
        let mut rest = sums;
        let children = here.children().map(|child| {
            let (sums, others) =
                std::mem::take(&mut rest).split_at_mut(tree.cells[child].particles().len());
            rest = others;
            (child, sums)
        });
        let treat = |child: usize, sums: &mut [[f64; OUT]], scratch: &mut Scratch<T, IN>| {
            let step = step(tree, cell, child);
            let mut shifted = vec![[0.0; MOST]; 3];
            for (old, new) in polynomials.iter().zip(&mut shifted).take(Q::SETS) {
                self.all.indices.shift_polynomial(old, step, new);
            }
            self.descend(child, next.clone(), shifted, sums, scratch)
        };
        if here.particles().len() > GRAIN {
            let children: Vec<_> = children.collect();
            let parts: Vec<f64> = children
                .into_par_iter()
                .map(|(child, sums)| treat(child, sums, &mut self.scratch()))
                .collect();
            softening += parts.iter().sum::<f64>();
        } else {
            for (child, sums) in children {
                softening += treat(child, sums, scratch);
            }
        }
        softening
    }

    /// Puts pending cells among the far ones or the near ones, or returns them for the children.
    /// Whether two cells are far from each other, and which of them is opened if they are not,
    /// does not depend on which is the target: every action has its reaction.
    fn sort_out(&self, cell: usize, pending: Vec<u32>, scratch: &mut Scratch<T, IN>) -> Vec<u32> {
        let tree = self.all.tree;
        let (here, ball) = (tree.cells[cell], tree.balls[cell]);
        let mut next = Vec::new();
        scratch.near.clear();
        scratch.stack = pending;
        while let Some(other) = scratch.stack.pop() {
            let source = &tree.balls[other as usize];
            let there = &tree.cells[other as usize];
            let children = there.child..there.child + there.children;
            if self.far(&ball, source) {
                let block = other / WIDTH as u32;
                let mask = &mut scratch.masks[block as usize];
                if *mask == 0 {
                    scratch.blocks.push(Some8 { block, mask: 0 });
                }
                *mask |= 1 << (other % WIDTH as u32);
            } else if here.is_leaf() && there.is_leaf() {
                scratch.near.push(other);
            } else if here.is_leaf() || (!there.is_leaf() && source.radius > ball.radius) {
                scratch.stack.extend(children);
            } else if there.is_leaf() || ball.radius > source.radius {
                next.push(other);
            } else {
                next.extend(children);
            }
        }
        next
    }

    fn far(&self, a: &Ball, b: &Ball) -> bool {
        let d: f64 = (0..3).map(|k| (a.centre[k] - b.centre[k]).powi(2)).sum();
        (a.radius + b.radius).powi(2) < self.all.opening_angle.powi(2) * d
    }

    /// Adds the far cells to the polynomials, and returns the sum over the pairs of what depends
    /// on the softening alone.
    fn interact<const OUT: usize>(
        &self,
        cell: usize,
        polynomials: &mut [[f64; MOST]],
        scratch: &mut Scratch<T, IN>,
    ) -> f64
    where
        Q: Query<IN, OUT>,
    {
        let Descent {
            query,
            tree,
            indices,
            moments,
            ..
        } = self.all;
        for block in &mut scratch.blocks {
            block.mask = std::mem::take(&mut scratch.masks[block.block as usize]);
        }
        macro_rules! interact {
            ($sets:literal) => {
                dispatch(
                    self.arch,
                    Interact::<$sets> {
                        indices,
                        table: &self.all.table,
                        sources: &scratch.blocks,
                        centres: &moments.centres,
                        moments: &moments.values,
                        target: tree.balls[cell].centre,
                        softening_squared: self.all.softening.powi(2),
                        polynomials,
                    },
                )
            };
        }
        if Q::SETS == 1 {
            interact!(1);
        } else {
            interact!(2);
        }
        scratch.blocks.clear();
        query.combine(tree.inverse_side, polynomials);
        // The sum of (-1)^|n| times moment times coefficient is that over the cell's particles.
        let third = polynomials[2][..indices.len()].iter().enumerate();
        let softening = third
            .map(|(n, l)| {
                let sign = if indices.total(n) % 2 == 0 { 1.0 } else { -1.0 };
                sign * l * moments.last(cell, n)
            })
            .sum();
        polynomials[2] = [0.0; MOST];
        softening
    }

    /// The sums over the near cells of a leaf.
    fn pairs<const OUT: usize>(
        &self,
        cell: usize,
        sums: &mut [[f64; OUT]],
        scratch: &mut Scratch<T, IN>,
    ) where
        Q: Query<IN, OUT>,
    {
        let tree = self.all.tree;
        let Scratch { near, sources, .. } = scratch;
        sources.iter_mut().for_each(Vec::clear);
        let mut add = |range: Range<usize>| {
            for (to, from) in sources.iter_mut().zip(self.columns) {
                to.extend_from_slice(&from[range.clone()]);
            }
        };
        // The targets come first, and then the others, side by side where they are.
        add(tree.cells[cell].particles());
        near.sort_unstable_by_key(|&other| tree.cells[other as usize].first);
        let mut others = 0..0;
        for &other in near.iter().filter(|&&other| other as usize != cell) {
            let range = tree.cells[other as usize].particles();
            if range.start != others.end {
                add(others);
                others = range.start..range.start;
            }
            others.end = range.end;
        }
        add(others);
        dispatch(
            self.arch,
            Near {
                pair: self.all.query,
                sources,
                softening_squared: self.softening.powi(2),
                sums,
            },
        );
    }
}
