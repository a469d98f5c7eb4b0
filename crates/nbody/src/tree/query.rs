//! What the expansions add to the sums of each kernel.

use super::indices::{Indices, MOST};
use super::upward::Charges;
use crate::pairs::{Accelerate, Pair, Potential, PullBack, PushForward};

/// A particle far from the sources: what its sums need to know.
pub(crate) struct Place<'a, const IN: usize> {
    pub(crate) indices: &'a Indices,
    /// The polynomials about a centre, and the powers of the place about it.
    pub(crate) polynomials: &'a [[f64; MOST]],
    pub(crate) powers: [f64; MOST],
    /// The columns.
    pub(crate) row: [f64; IN],
    /// The unit of length of places and polynomials is one over this.
    pub(crate) scale: f64,
}

impl<const IN: usize> Place<'_, IN> {
    fn value(&self, set: usize) -> f64 {
        self.indices.value(&self.polynomials[set], &self.powers)
    }
    fn gradient(&self, set: usize) -> [f64; 3] {
        self.indices.gradient(&self.polynomials[set], &self.powers)
    }
    fn slope_of_gradient(&self, set: usize, d: [f64; 3]) -> [f64; 3] {
        let l = &self.polynomials[set];
        self.indices.slope_of_gradient(l, &self.powers, d)
    }
}

/// A kernel whose sums over far sources follow from expansions.
pub(crate) trait Query<const IN: usize, const OUT: usize>: Pair<IN, OUT> {
    /// Sets of moments, one or two.
    const SETS: usize;
    /// Lowest order of the coefficients that the sums need.
    const LOWEST: usize;
    /// The charges of a particle, given its columns.
    fn charges(self, row: &[f64; IN], scale: f64) -> Charges;
    /// Adds to the second polynomial what comes from the third.
    fn combine(self, _scale: f64, _polynomials: &mut [[f64; MOST]]) {}
    /// Adds the sums of a particle over far sources.
    fn add_far(self, place: &Place<'_, IN>, sums: &mut [f64; OUT]);
    /// Adds the sum over all far pairs of what depends on the softening alone, to any particle.
    fn add_softening(self, _sum: f64, _scale: f64, _sums: &mut [f64; OUT]) {}
}

fn massive(mass: f64) -> Charges {
    Charges {
        first: mass,
        second: 0.0,
        dipole: [0.0; 3],
    }
}

impl Query<4, 3> for Accelerate {
    const SETS: usize = 1;
    const LOWEST: usize = 1;
    fn charges(self, row: &[f64; 4], _: f64) -> Charges {
        massive(row[3])
    }
    fn add_far(self, place: &Place<'_, 4>, sums: &mut [f64; 3]) {
        let squared = place.scale.powi(2);
        add(sums, squared, place.gradient(0));
    }
}

impl Query<4, 1> for Potential {
    const SETS: usize = 1;
    const LOWEST: usize = 0;
    fn charges(self, row: &[f64; 4], _: f64) -> Charges {
        massive(row[3])
    }
    fn add_far(self, place: &Place<'_, 4>, [sum]: &mut [f64; 1]) {
        *sum += place.scale * place.value(0);
    }
}

/// With Phi the field of the masses and Psi that of dipoles w, all without G,
///
/// ```text
/// x_bar_i = G [(w_i.grad) grad Phi + m_i grad Psi],   m_bar_i = G Psi,   a_i = G grad Phi
/// ```
impl<const OUT: usize> Query<7, OUT> for PullBack
where
    Self: Pair<7, OUT>,
{
    const SETS: usize = 2;
    const LOWEST: usize = 0;
    fn charges(self, row: &[f64; 7], _: f64) -> Charges {
        Charges {
            first: row[3],
            second: 0.0,
            dipole: [row[4], row[5], row[6]],
        }
    }
    fn add_far(self, place: &Place<'_, 7>, sums: &mut [f64; OUT]) {
        let [_, _, _, m, w @ ..] = place.row;
        let (squared, cubed) = (place.scale.powi(2), place.scale.powi(3));
        // Where the sums over pairs have x_bar = 3 G sums[4..7], m_bar = -G sums[7].
        add(&mut sums[4..7], cubed / 3.0, place.slope_of_gradient(0, w));
        add(&mut sums[4..7], m * cubed / 3.0, place.gradient(1));
        sums[7] -= squared * place.value(1);
        if OUT > 9 {
            add(&mut sums[9..12], squared, place.gradient(0));
        }
    }
    fn add_softening(self, sum: f64, scale: f64, sums: &mut [f64; OUT]) {
        // Where the sums over pairs have eps_bar = -(3/2) G eps sums[8].
        sums[8] -= scale.powi(4) * sum / 1.5;
    }
}

impl Query<8, 6> for PushForward {
    const SETS: usize = 2;
    const LOWEST: usize = 0;
    fn charges(self, row: &[f64; 8], scale: f64) -> Charges {
        let [_, _, _, m, dx, dy, dz, dm] = *row;
        Charges {
            first: m,
            second: dm,
            dipole: [dx, dy, dz].map(|dx| m * scale * dx),
        }
    }
    fn combine(self, scale: f64, polynomials: &mut [[f64; MOST]]) {
        for n in 0..MOST {
            polynomials[1][n] += self.softening_slope * scale.powi(2) * polynomials[2][n];
        }
    }
    fn add_far(self, place: &Place<'_, 8>, sums: &mut [f64; 6]) {
        let [_, _, _, _, dx, dy, dz, _] = place.row;
        let squared = place.scale.powi(2);
        let dx = [dx, dy, dz].map(|dx| place.scale * dx);
        add(&mut sums[0..3], squared, place.gradient(0));
        add(&mut sums[3..6], squared, place.slope_of_gradient(0, dx));
        add(&mut sums[3..6], squared, place.gradient(1));
    }
}

/// `sums += f a`.
fn add(sums: &mut [f64], f: f64, a: [f64; 3]) {
    for (sum, a) in sums.iter_mut().zip(a) {
        *sum += f * a;
    }
}
