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
use crate::pairs::{Columns, Rows, Sums};
use indices::{Indices, MAX_ORDER};
use interact::Table;
use octree::Octree;
use upward::Moments;

/// How self-gravity is approximated by a fast multipole method; see
/// [`SelfGravity::multipoles`](crate::SelfGravity::multipoles).
///
/// Errors of the acceleration, |da|/|a| as root mean square and 99th percentile of a sample of 1000
/// out of 30000 particles, with leaves of 64 and a softening of 0.016, in a Plummer sphere of
/// scale radius 1 and in a uniform cube of side 1:
///
/// | order | opening angle | sphere: rms | 99 % | cube: rms | 99 % |
/// |---|---|---|---|---|---|
/// | 4 | 0.5 | 1.0e-3 | 4.8e-3 | 2.3e-4 | 5.7e-4 |
/// | 5 | 0.5 | 2.7e-4 | 1.3e-3 | 6.2e-5 | 1.8e-4 |
/// | 6 | 0.4 | 2.2e-5 | 7.6e-5 | 5.4e-6 | 1.3e-5 |
/// | 6 | 0.5 | 7.6e-5 | 3.1e-4 | 3.8e-5 | 5.6e-5 |
/// | 6 | 0.7 | 2.0e-4 | 7.0e-4 | 1.7e-4 | 3.9e-4 |
/// | 7 | 0.7 | 7.3e-5 | 2.4e-4 | 7.4e-5 | 1.7e-4 |
/// | **7** | **0.6** | **5.5e-5** | **1.6e-4** | **1.8e-5** | **6.9e-5** |
/// | 7 | 0.5 | 2.2e-5 | 7.6e-5 | 9.0e-6 | 1.8e-5 |
/// | 8 | 0.7 | 3.1e-5 | 1.2e-4 | 3.2e-5 | 8.4e-5 |
/// | 8 | 0.5 | 6.5e-6 | 2.1e-5 | 3.6e-6 | 6.9e-6 |
/// | 8 | 0.4 | 1.3e-6 | 4.1e-6 | 2.9e-7 | 8.2e-7 |
///
/// The bold line is the default. Its errors in the sphere are 9.2e-5 (99 %: 4.7e-4) at 10000
/// particles, 2.1e-5 (1.1e-4) at 100000 and 1.9e-5 (8.2e-5) at 1000000, in 0.09, 1.0 and 11.8 s of
/// processor time (with AVX-512; the direct sum of 100000 takes 5.7 s); the
/// reverse derivative takes twice that. In a cube the largest ones are those at its centre,
/// where the true acceleration vanishes. The worst case is a point that holds much of the mass:
/// nothing averages the error then, and it may reach some 1e-3. `benches/tree.rs` measures errors
/// and times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Multipoles {
    /// Order of the expansions, from 1 to 8: the highest derivative of 1/r that they hold. 7 by
    /// default. The time of the expansions grows as its sixth power, slower at low orders.
    pub order: usize,
    /// Two cells act on each other by expansions if the sum of their radii is less than this times
    /// their distance; above 0 and below 1, 0.6 by default.
    pub opening_angle: f64,
    /// Particles of a cell up to which it is not divided; above 0, 64 by default. It matters to
    /// the time, hardly to the error. Pairs in f32 take half the time, so leaves of 128 suit them:
    /// 30000 particles in f32 then take 0.7 times the direct sum in the sphere (rms error 3.3e-5) and 0.4
    /// times in the cube (1.7e-5).
    ///
    /// Cells are not smaller than 2^-42 of the cube around all particles. If there are more
    /// particles than this in one of that size, they meet pair by pair, however many they are.
    pub leaf_size: usize,
}

impl Default for Multipoles {
    fn default() -> Self {
        Self {
            order: 7,
            opening_angle: 0.6,
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
    pub(crate) fn sum<Q, const IN: usize, const OUT: usize>(
        &self,
        query: Q,
        particles: &Rows<IN>,
        softening: f64,
    ) -> Sums<OUT>
    where
        Q: Query<IN, OUT>,
    {
        let rows = &particles.rows;
        let n = rows.len();
        let mut sums = Sums::zeros(n);
        if n == 0 {
            return sums;
        }
        let place = |x: &[f64; IN]| [x[0], x[1], x[2]];
        let places: Vec<_> = rows.iter().map(place).collect();
        let tree = match Octree::new(&places, self.leaf_size) {
            Ok(tree) => tree,
            Err(particle) => {
                sums.set(particle, [f64::NAN; OUT]);
                return sums;
            }
        };
        let original = |i: usize| tree.order[i] as usize;
        let row = |i: usize| rows[original(i)];
        let indices = Indices::new(self.order);
        let at = |i: usize| places[original(i)];
        let moments = Moments::new(&tree, &indices, Q::SETS, at, |i| {
            query.charges(&row(i), tree.inverse_side)
        });
        let columns = Columns::new(&particles.ordered(&tree.order));
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
