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

use super::indices::{DOWN, Down, Indices, MAX_ORDER, MOST, count};
use crate::simd::{Lane, Ops, Rsqrt, Vectorized};

/// Cells whose moments lie side by side: the lanes of the widest registers.
pub(crate) const WIDTH: usize = 8;

/// One number of each of [`WIDTH`] cells.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
pub(crate) struct Lanes(pub(crate) [f64; WIDTH]);

/// Registers in lines of the cache.
#[repr(align(64))]
struct Registers<V>([V; 256]);

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
                // 1, 3, 6, 10, 15, 21, ..., 45 are sums of these.
                let width = match count(total) - first {
                    left @ (1 | 3) => left,
                    left if left % 5 == 0 => 5,
                    _ => 6,
                };
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
///
/// They live on the heap, since threads that wait take up other cells on the same stack.
pub(crate) type Polynomials = Vec<[f64; MOST]>;

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
    pub(crate) polynomials: &'a mut [[f64; MOST]],
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
        let mut chain = Registers([zero; 256]);
        let mut d = Registers([zero; 256]);
        let mut sums = [zero; 3].map(|zero| Registers([zero; 256]));
        for &Some8 { block, mask } in self.sources {
            let block = block as usize;
            let mut far = Lanes::default();
            for (lane, far) in far.0.iter_mut().enumerate() {
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
                match self.indices.order {
                    1 => derivatives::<S, 1>(ops, r, squared, &mut d, &mut chain),
                    2 => derivatives::<S, 2>(ops, r, squared, &mut d, &mut chain),
                    3 => derivatives::<S, 3>(ops, r, squared, &mut d, &mut chain),
                    4 => derivatives::<S, 4>(ops, r, squared, &mut d, &mut chain),
                    5 => derivatives::<S, 5>(ops, r, squared, &mut d, &mut chain),
                    6 => derivatives::<S, 6>(ops, r, squared, &mut d, &mut chain),
                    7 => derivatives::<S, 7>(ops, r, squared, &mut d, &mut chain),
                    _ => derivatives::<S, MAX_ORDER>(ops, r, squared, &mut d, &mut chain),
                }
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
            for (l, sum) in polynomial.iter_mut().zip(&sums.0[..len]) {
                *l += f64::unpacked::<S>(std::slice::from_ref(sum))
                    .iter()
                    .sum::<f64>();
            }
        }
    }
}

/// The derivatives of g and, in `chain`, of h_1, up to the order `P`.
#[inline(always)]
fn derivatives<S: Rsqrt, const P: usize>(
    ops: Ops<f64, S>,
    r: [<f64 as Lane>::V<S>; 3],
    squared: <f64 as Lane>::V<S>,
    d: &mut Registers<<f64 as Lane>::V<S>>,
    chain: &mut Registers<<f64 as Lane>::V<S>>,
) {
    let inverse = ops.rsqrt(squared);
    let over_square = ops.mul(inverse, inverse);
    let mut kernels = [inverse; MAX_ORDER + 2];
    for q in 1..=P + 1 {
        let factor = ops.mul(ops.splat(1.0 - 2.0 * q as f64), over_square);
        kernels[q] = ops.mul(factor, kernels[q - 1]);
    }
    let mut now = [ops.splat(0.0); MOST];
    now[0] = kernels[P + 1];
    // From here on kernel by kernel, and order by order downwards, so that what is read still
    // belongs to the kernel before. The numbers are written out for the compiler, which then knows
    // all places and keeps many in registers.
    macro_rules! keep {
        (0, $n:tt) => {
            d.0[$n] = now[$n]
        };
        (1, $n:tt) => {
            chain.0[$n] = now[$n]
        };
        ($q:tt, $n:tt) => {};
    }
    macro_rules! order {
        ($q:tt, $order:literal, $($n:tt)*) => {
            if $order <= highest($q, P) {
                $(
                    now[$n] = raised::<S, $n>(ops, r, &now);
                    keep!($q, $n);
                )*
            }
        };
    }
    macro_rules! kernel {
        ($q:tt) => {
            if $q < P + 1 {
                order!($q, 8,
                    120 121 122 123 124 125 126 127 128 129 130 131 132 133 134 135 136 137 138
                    139 140 141 142 143 144 145 146 147 148 149 150 151 152 153 154 155 156 157
                    158 159 160 161 162 163 164
                );
                order!($q, 7,
                    84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99 100 101 102 103 104 105 106
                    107 108 109 110 111 112 113 114 115 116 117 118 119
                );
                order!($q, 6,
                    56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80
                    81 82 83
                );
                order!($q, 5,
                    35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55
                );
                order!($q, 4,
                    20 21 22 23 24 25 26 27 28 29 30 31 32 33 34
                );
                order!($q, 3,
                    10 11 12 13 14 15 16 17 18 19
                );
                order!($q, 2,
                    4 5 6 7 8 9
                );
                order!($q, 1,
                    1 2 3
                );
                now[0] = kernels[$q];
                keep!($q, 0);
            }
        };
    }
    kernel!(8);
    kernel!(7);
    kernel!(6);
    kernel!(5);
    kernel!(4);
    kernel!(3);
    kernel!(2);
    kernel!(1);
    kernel!(0);
}

/// The highest order of the derivatives of kernel `q`: those of h_0 and of h_1 are asked for.
const fn highest(q: usize, order: usize) -> usize {
    order + 1 - if q == 0 { 1 } else { q }
}

/// A derivative, from those of the next kernel of lower orders.
#[inline(always)]
fn raised<S: Rsqrt, const N: usize>(
    ops: Ops<f64, S>,
    r: [<f64 as Lane>::V<S>; 3],
    d: &[<f64 as Lane>::V<S>; MOST],
) -> <f64 as Lane>::V<S> {
    let Down {
        axis,
        power,
        once,
        twice,
    } = const { DOWN[N] };
    let value = ops.mul(r[axis], d[once]);
    match power {
        1 => value,
        2 => ops.add(value, d[twice]),
        _ => ops.mul_add(ops.splat((power - 1) as f64), d[twice], value),
    }
}

/// Adds to the `R` coefficients of a group.
#[inline(always)]
fn contract<S: Rsqrt, const SETS: usize, const R: usize>(
    ops: Ops<f64, S>,
    group: &Group,
    (d, chain, moments, at): (
        &Registers<<f64 as Lane>::V<S>>,
        &Registers<<f64 as Lane>::V<S>>,
        &[Lanes],
        usize,
    ),
    sums: &mut [Registers<<f64 as Lane>::V<S>>; 3],
) {
    let first = group.first;
    let table = group.table.as_chunks::<R>().0;
    let (one, two) = moments.split_at(moments.len() / SETS);
    let [
        Registers(sums_one),
        Registers(sums_two),
        Registers(sums_chain),
    ] = sums;
    let (Registers(d), Registers(chain)) = (d, chain);
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
    f64::vectors::<S>(&x.0[at..at + f64::lanes::<S>()])[0]
}
