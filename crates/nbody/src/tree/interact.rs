//! From the moments of many cells to the field at one.
//!
//! With R from source to target, g = 1/sqrt(R^2 + eps^2) and its derivatives D_n, the field of a
//! cell with moments M_m is the polynomial with coefficients
//!
//! ```text
//! L_n = sum_m M_m D_{n+m},    |n| + |m| <= order
//! ```
//!
//! The derivatives are those of a chain of kernels, h_0 = g and h_{q+1} = (1/r) dh_q/dr, which
//! with a softening is as without one (Dehnen 2002, J. Comp. Phys. 179, 27, appendix A):
//!
//! ```text
//! D^q_0 = h_q,    h_q = -(2 q - 1) h_{q-1} / (R^2 + eps^2)
//! D^q_{n + e_k} = R_k D^{q+1}_n + n_k D^{q+1}_{n - e_k}
//! ```
//!
//! Since dg/deps = eps h_1, the derivatives D^1 are what depends on the softening.

use super::indices::{Indices, MAX_ORDER, MOST, count};
use crate::simd::{Lane, Ops, Rsqrt, Vectorized};

/// Cells whose moments lie side by side: the lanes of the widest registers.
pub(crate) const WIDTH: usize = 8;

/// One number of each of [`WIDTH`] cells.
pub(crate) type Lanes = [f64; WIDTH];

/// Some cells among [`WIDTH`] that lie side by side.
#[derive(Clone, Copy)]
pub(crate) struct Some8 {
    pub(crate) block: u32,
    /// A bit for each.
    pub(crate) mask: u8,
}

/// Coefficients of the same order, whose sums lie in registers at the same time.
struct Group {
    first: usize,
    width: usize,
    /// For each m, the numbers of n + m for all n of the group.
    table: Vec<u8>,
}

/// Which coefficients add up to which.
pub(crate) struct Table {
    groups: Vec<Group>,
}

impl Table {
    /// For coefficients from the order `lowest` on.
    pub(crate) fn new(indices: &Indices, lowest: usize) -> Self {
        let mut groups = Vec::new();
        for total in lowest..=indices.order {
            let mut first = if total == 0 { 0 } else { count(total - 1) };
            while first < count(total) {
                // 1, 3, 6, 10, 15, 21 ... are sums of these.
                let left = count(total) - first;
                let width = [6, 5, 3, 1]
                    .into_iter()
                    .find(|&w| w == left || w + 3 <= left)
                    .unwrap_or(1);
                let moments = 0..count(indices.order - total);
                let table = moments
                    .flat_map(|m| (first..first + width).map(move |n| indices.sum(n, m) as u8))
                    .collect();
                groups.push(Group {
                    first,
                    width,
                    table,
                });
                first += width;
            }
        }
        Self { groups }
    }
}

/// Coefficients of three polynomials: those of the field of the first moments, those of the
/// second moments, and those of the first moments with the kernel h_1.
pub(crate) type Polynomials = [[f64; MOST]; 3];

/// The field at one target of many sources, whose cells have one set of moments or two.
pub(crate) struct Interact<'a, const SETS: usize> {
    pub(crate) indices: &'a Indices,
    pub(crate) table: &'a Table,
    pub(crate) sources: &'a [Some8],
    /// Centres of the cells.
    pub(crate) centres: &'a [[Lanes; 3]],
    /// Moments of the cells: coefficient by coefficient, set by set, block by block.
    pub(crate) moments: &'a [Lanes],
    pub(crate) target: [f64; 3],
    pub(crate) softening_squared: f64,
    /// What the sources add to; the first alone if there is one set of moments.
    pub(crate) polynomials: &'a mut Polynomials,
}

impl<const SETS: usize> Vectorized for Interact<'_, SETS> {
    #[inline(always)]
    fn run<S: Rsqrt>(self, s: S) {
        let ops = Ops::<f64, S>::new(s);
        let lanes = f64::lanes::<S>();
        let zero = ops.splat(0.0);
        let [x, y, z] = self.target;
        let target = [ops.splat(x), ops.splat(y), ops.splat(z)];
        let len = self.indices.len();
        let mut chain = [zero; 256];
        let mut d = [zero; 256];
        let mut sums = [[zero; 256]; 3];
        for &Some8 { block, mask } in self.sources {
            let block = block as usize;
            let mut far = [0.0; WIDTH];
            for (lane, far) in far.iter_mut().enumerate() {
                *far = if mask >> lane & 1 == 1 { 0.0 } else { f64::FAR };
            }
            let moments = &self.moments[block * SETS * len..(block + 1) * SETS * len];
            for at in (0..WIDTH).step_by(lanes) {
                if usize::from(mask) >> at & ((1 << lanes) - 1) == 0 {
                    continue;
                }
                let [x, y, z] = &self.centres[block];
                let centre = [lane::<S>(x, at), lane::<S>(y, at), lane::<S>(z, at)];
                let r = ops.minus(target, centre);
                // Whoever does not take part is far away.
                let squared = ops.add(ops.splat(self.softening_squared), lane::<S>(&far, at));
                let squared = ops.mul_add(r[0], r[0], squared);
                let squared = ops.mul_add(r[1], r[1], squared);
                let squared = ops.mul_add(r[2], r[2], squared);
                derivatives(ops, self.indices, r, squared, &mut chain, &mut d);
                for group in &self.table.groups {
                    let all = (&d, &chain, moments, at);
                    match group.width {
                        6 => contract::<S, SETS, 6>(ops, group, all, &mut sums),
                        5 => contract::<S, SETS, 5>(ops, group, all, &mut sums),
                        3 => contract::<S, SETS, 3>(ops, group, all, &mut sums),
                        _ => contract::<S, SETS, 1>(ops, group, all, &mut sums),
                    }
                }
            }
        }
        let sets = if SETS == 1 { 1 } else { 3 };
        for (polynomial, sums) in self.polynomials.iter_mut().zip(&sums).take(sets) {
            for (l, sum) in polynomial.iter_mut().zip(&sums[..len]) {
                *l += f64::unpacked::<S>(std::slice::from_ref(sum))
                    .iter()
                    .sum::<f64>();
            }
        }
    }
}

/// The derivatives of h_1, in `chain`, and of g, in `d`.
#[inline(always)]
fn derivatives<S: Rsqrt>(
    ops: Ops<f64, S>,
    indices: &Indices,
    r: [<f64 as Lane>::V<S>; 3],
    squared: <f64 as Lane>::V<S>,
    chain: &mut [<f64 as Lane>::V<S>; 256],
    d: &mut [<f64 as Lane>::V<S>; 256],
) {
    let inverse = ops.rsqrt(squared);
    let over_square = ops.mul(inverse, inverse);
    let mut kernels = [inverse; MAX_ORDER + 2];
    for q in 1..=indices.order + 1 {
        let factor = ops.mul(ops.splat(1.0 - 2.0 * q as f64), over_square);
        kernels[q] = ops.mul(factor, kernels[q - 1]);
    }
    // Downwards, so that what is read still belongs to the kernel before.
    for q in (1..=indices.order + 1).rev() {
        for n in (1..count(indices.order + 1 - q)).rev() {
            let down = indices.down[n];
            let mut value = ops.mul(r[down.axis], chain[down.once & 255]);
            if down.power > 1 {
                let factor = ops.splat((down.power - 1) as f64);
                value = ops.mul_add(factor, chain[down.twice & 255], value);
            }
            chain[n & 255] = value;
        }
        chain[0] = kernels[q];
    }
    d[0] = kernels[0];
    for (n, down) in indices.down.iter().enumerate().skip(1) {
        let mut value = ops.mul(r[down.axis], chain[down.once & 255]);
        if down.power > 1 {
            let factor = ops.splat((down.power - 1) as f64);
            value = ops.mul_add(factor, chain[down.twice & 255], value);
        }
        d[n & 255] = value;
    }
}

/// Adds to the `R` coefficients of a group.
#[inline(always)]
fn contract<S: Rsqrt, const SETS: usize, const R: usize>(
    ops: Ops<f64, S>,
    group: &Group,
    (d, chain, moments, at): (
        &[<f64 as Lane>::V<S>; 256],
        &[<f64 as Lane>::V<S>; 256],
        &[Lanes],
        usize,
    ),
    sums: &mut [[<f64 as Lane>::V<S>; 256]; 3],
) {
    let first = group.first;
    let table = group.table.as_chunks::<R>().0;
    let (one, two) = moments.split_at(moments.len() / SETS);
    let [sums_one, sums_two, sums_chain] = sums;
    let mut local = [[ops.splat(0.0); R]; 3];
    for (m, numbers) in table.iter().enumerate() {
        let one = lane::<S>(&one[m], at);
        if SETS == 1 {
            for i in 0..R {
                let n = usize::from(numbers[i]);
                local[0][i] = ops.mul_add(one, d[n], local[0][i]);
            }
        } else {
            let two = lane::<S>(&two[m], at);
            for i in 0..R {
                let n = usize::from(numbers[i]);
                local[0][i] = ops.mul_add(one, d[n], local[0][i]);
                local[1][i] = ops.mul_add(two, d[n], local[1][i]);
                local[2][i] = ops.mul_add(one, chain[n], local[2][i]);
            }
        }
    }
    for i in 0..R {
        sums_one[first + i] = ops.add(sums_one[first + i], local[0][i]);
        if SETS > 1 {
            sums_two[first + i] = ops.add(sums_two[first + i], local[1][i]);
            sums_chain[first + i] = ops.add(sums_chain[first + i], local[2][i]);
        }
    }
}

/// A register of some of the lanes.
#[inline(always)]
fn lane<S: Rsqrt>(x: &Lanes, at: usize) -> <f64 as Lane>::V<S> {
    f64::vectors::<S>(&x[at..at + f64::lanes::<S>()])[0]
}
