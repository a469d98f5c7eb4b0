//! A fast multipole method: self-gravity in a time that grows as the number of particles.
//!
//! # Method
//!
//! The method of Greengard & Rokhlin (1987, J. Comp. Phys. 73, 325) in the Cartesian, adaptive form
//! of Dehnen (2002, J. Comp. Phys. 179, 27), with a softening. With g(r) = 1/sqrt(r^2 + eps^2),
//! centres z_A and z_B of two cells, R = z_A - z_B, and D_n the derivatives of g, the field of the
//! particles j of B at a particle i of A is (Dehnen's equation 3, with all terms of
//! |n| + |m| <= order)
//!
//! ```text
//! sum_j m_j g(x_i - x_j) = sum_n (x_i - z_A)^n/n! sum_m M_m D_{n+m}(R),
//! M_m = sum_j m_j (z_B - x_j)^m/m!
//! ```
//!
//! 1. `octree`: particles are sorted into cells of an octree. A leaf holds up to
//!    [`leaf_size`](Multipoles::leaf_size) of them.
//! 2. `upward`: moments M of leaves, and of all cells from those of their children.
//! 3. `descent`: down the tree, each cell divides all others: those far from it, where
//!    r_A + r_B < opening angle times |R| with the radii r of the cells, act through their moments
//!    (`interact`); where a cell is too close, the larger of the two is opened; leaves that are
//!    too close to each other meet pair by pair, as in the direct sum. Each cell hands its
//!    polynomial down to its children.
//!
//! Cells act on each other in pairs: both see the other as far, or neither does, and both keep
//! the same terms. So the approximated force is the gradient of an approximated energy,
//! and the sum of all forces vanishes to rounding. Each cell writes its own sums alone, in an order
//! that is that of the tree: neither threads nor their number change the bits.
//!
//! # The derivative
//!
//! Centres, radii and which cells are far come from coordinates that are rounded to the planes of
//! the tree; they are piecewise constant. Between, the approximated force is a polynomial
//! in the positions plus a sum over pairs, linear in the masses, and smooth in the softening, and
//! its derivatives are those of that function, exact to rounding, forward and reverse. Where a
//! particle crosses a plane of the tree (a face of a cell, or of an eighth of it, or of
//! the cube around all) the force jumps by a part of its error and the derivative is that of the side
//! on which the particle is, lower coordinates counting with the higher ones at the
//! plane itself. The jump is no part of any derivative. Difference quotients over a step s hold
//! the jump over s: they agree only between planes.
//!
//! The reverse derivative of the accelerations needs the fields of two sets of charges, the
//! masses and dipoles w (the cotangents); see `query`. Nothing but moments is kept.

mod descent;
mod indices;
mod interact;
mod octree;
mod query;
mod upward;

use descent::Descent;
pub(crate) use query::Query;

use crate::NBodyError;
use crate::pairs::{Columns, PairPrecision, Sums};
use adastra_core::Real;
use indices::{Indices, MAX_ORDER};
use interact::Table;
use octree::Octree;
use upward::Moments;

/// How self-gravity is approximated by a fast multipole method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Multipoles {
    /// Order of the expansions.
    pub order: usize,
    /// Opening angle.
    pub opening_angle: f64,
    /// Particles of a leaf.
    pub leaf_size: usize,
}

impl Default for Multipoles {
    fn default() -> Self {
        Self {
            order: 6,
            opening_angle: 0.55,
            leaf_size: 64,
        }
    }
}

impl Multipoles {
    pub(crate) fn checked(self) -> Result<Self, NBodyError> {
        let range = |name: &str, value: f64, allowed: &'static str| NBodyError::Range {
            name: name.to_owned(),
            value,
            allowed,
        };
        if !(1..=MAX_ORDER).contains(&self.order) {
            return Err(range("order", self.order as f64, "from 1 to 8"));
        }
        if !(self.opening_angle > 0.0 && self.opening_angle < 1.0) {
            return Err(range(
                "opening_angle",
                self.opening_angle,
                "above 0, below 1",
            ));
        }
        if self.leaf_size == 0 {
            return Err(range("leaf_size", 0.0, "above 0"));
        }
        Ok(self)
    }

    /// The sums over all sources, those of near ones by pairs and those of far ones by
    /// expansions. They are NaN for a particle that no tree can hold.
    pub(crate) fn sum<Q, T, const IN: usize, const OUT: usize>(
        &self,
        query: Q,
        precision: PairPrecision,
        position: &[T],
        rest: impl Fn(usize, usize) -> f64 + Sync,
        softening: f64,
    ) -> Sums<OUT>
    where
        T: Real,
        Q: Query<IN, OUT>,
    {
        let n = position.len() / 3;
        let mut sums = Sums::zeros(n);
        let rows = position.chunks_exact(3);
        let triples: Vec<[f64; 3]> = rows.map(|x| [x[0].f64(), x[1].f64(), x[2].f64()]).collect();
        let tree = match Octree::new(&triples, self.leaf_size) {
            Ok(tree) => tree,
            Err(particle) => {
                sums.set(particle, [f64::NAN; OUT]);
                return sums;
            }
        };
        if n == 0 {
            return sums;
        }
        let original = |i: usize| tree.order[i] as usize;
        let at = |i: usize| triples[original(i)];
        let row = |i: usize| -> [f64; IN] {
            std::array::from_fn(|k| match k {
                0..3 => at(i)[k],
                _ => rest(original(i), k - 3),
            })
        };
        let indices = Indices::new(self.order);
        let moments = Moments::new(&tree, &indices, Q::SETS, at, |i| {
            query.charges(&row(i), tree.inverse_side)
        });
        let sorted: Vec<T> = (0..n)
            .flat_map(|i| {
                position[3 * original(i)..3 * original(i) + 3]
                    .iter()
                    .copied()
            })
            .collect();
        let columns = Columns::<IN>::new(precision, &sorted, |i, k| rest(original(i), k));
        let mut found = vec![[0.0; OUT]; n];
        let descent = Descent {
            query,
            tree: &tree,
            indices: &indices,
            moments: &moments,
            opening_angle: self.opening_angle,
            table: Table::new(&indices, Q::LOWEST),
            softening: softening * tree.inverse_side,
            row: &row,
        };
        let far = match &columns {
            Columns::Single(columns, _) => descent.run(columns, &mut found),
            Columns::Double(columns, _) => descent.run(columns, &mut found),
        };
        query.add_softening(far, tree.inverse_side, &mut found[0]);
        for (i, &sum) in found.iter().enumerate() {
            sums.set(original(i), sum);
        }
        sums
    }
}
