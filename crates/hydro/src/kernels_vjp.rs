//! The adjoint of the step, row by row.

use std::marker::PhantomData;

use pulp::Simd;

use crate::kernels::{
    Cross, Stencil, cells, load, load_cells, splat3, store, store_cells, wrap_high, wrap_low,
};
use crate::lane::{Kernel, Lane, Num, V};
use crate::law::Law;
use crate::limiter::Limit;
use crate::predict::PredictVjp;
use crate::riemann::Riemann;
use crate::rows::{Layout, PAD, PLAIN, split, split_mut};

/// What a kernel adds to the cotangent of the parameter.
pub(crate) struct Sum<'a, T> {
    live: &'a [T],
    counts: bool,
    total: &'a mut f64,
}

impl<'a, T: Lane> Sum<'a, T> {
    /// `live` is one for each cell of a row, zero beyond; `counts`, whether this row's share is
    /// counted here.
    pub(crate) fn new(live: &'a [T], counts: bool, total: &'a mut f64) -> Self {
        Self {
            live,
            counts,
            total,
        }
    }

    #[inline(always)]
    fn close<S: Simd>(&mut self, sum: V<T, S>) {
        if self.counts {
            *self.total += sum.sum().f64();
        }
    }
}

/// Cotangents of the states at the faces of the cells of a row, one block of `F` fields after the
/// other: at the lower and the upper faces along y and z. Those along x have places of their own.
pub(crate) const BLOCKS: usize = 4;
pub(crate) const LOW_Y: usize = 0;
pub(crate) const HIGH_Y: usize = 1;
const LOW_Z: usize = 2;

/// Adjoint of [`Exchange`](crate::kernels::Exchange).
pub(crate) struct ExchangeVjp<'a, T, L, R, const F: usize> {
    pub(crate) code: PhantomData<(L, R)>,
    pub(crate) c: T,
    pub(crate) layout: Layout,
    pub(crate) axis: usize,
    pub(crate) scale: T,
    pub(crate) l: &'a [T],
    pub(crate) r: &'a [T],
    /// Cotangents of the new state in the rows left and right of the faces.
    pub(crate) from_bar: &'a [T],
    pub(crate) to_bar: &'a [T],
    /// Set to the cotangents of the states left and right of the faces.
    pub(crate) left: &'a mut [T],
    pub(crate) right: &'a mut [T],
    pub(crate) sum: Sum<'a, T>,
}

impl<T: Lane, L: Law<F>, R: Riemann, const F: usize> Kernel for ExchangeVjp<'_, T, L, R, F> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S) {
        let (layout, axis) = (self.layout, self.axis);
        let (l, r) = (split(layout, self.l, axis), split(layout, self.r, axis));
        let from_bar = split::<_, F>(layout, self.from_bar, axis);
        let to_bar = split(layout, self.to_bar, axis);
        let mut left = split_mut(layout, self.left, axis);
        let mut right = split_mut(layout, self.right, axis);
        let live = &self.sum.live[..layout.stride];
        let c = V::splat(s, self.c);
        let scale = V::splat(s, self.scale);
        let zero = c.zero();
        let mut sum = zero;
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            let from = load(s, &from_bar, at);
            let mut f_bar = load(s, &to_bar, at);
            for i in 0..F {
                f_bar[i] = (f_bar[i] - from[i]) * scale;
            }
            let (l, r) = (load(s, &l, at), load(s, &r, at));
            let mut c_bar = zero;
            let [l_bar, r_bar] = R::flux_vjp::<_, L, F>(c, &l, &r, &f_bar, &mut c_bar);
            sum = c_bar.mul_add(V::load(s, live, at), sum);
            store(&mut left, at, &l_bar);
            store(&mut right, at, &r_bar);
        }
        self.sum.close(sum);
    }
}

/// Adjoint of [`Along`](crate::kernels::Along).
pub(crate) struct AlongVjp<'a, T, L, R, const F: usize> {
    pub(crate) code: PhantomData<(L, R)>,
    pub(crate) c: T,
    pub(crate) layout: Layout,
    pub(crate) scale: T,
    pub(crate) l: &'a [T],
    pub(crate) r: &'a [T],
    /// Cotangent of the new state.
    pub(crate) bar: &'a [T],
    /// Cotangents of the cells, of which those at the faces across z are set. The upper face of a
    /// cell stands where the lower one of the next cell does.
    pub(crate) cells: &'a mut [T],
    pub(crate) sum: Sum<'a, T>,
}

impl<T: Lane, L: Law<F>, R: Riemann, const F: usize> Kernel for AlongVjp<'_, T, L, R, F> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S) {
        let layout = self.layout;
        let (l, r) = (split(layout, self.l, 2), split(layout, self.r, 2));
        let bar: [_; F] = split(layout, self.bar, 2);
        let live = &self.sum.live[..layout.stride];
        let (low, high) = self.cells[LOW_Z * F * layout.stride..].split_at_mut(F * layout.stride);
        let (mut low, mut high) = (split_mut(layout, low, 2), split_mut(layout, high, 2));
        let c = V::splat(s, self.c);
        let scale = V::splat(s, self.scale);
        let zero = c.zero();
        let mut sum = zero;
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            let from = load(s, &bar, at - 1);
            let mut f_bar = load(s, &bar, at);
            for i in 0..F {
                f_bar[i] = (f_bar[i] - from[i]) * scale;
            }
            let (l, r) = (load(s, &l, at - 1), load(s, &r, at));
            let mut c_bar = zero;
            let [l_bar, r_bar] = R::flux_vjp::<_, L, F>(c, &l, &r, &f_bar, &mut c_bar);
            sum = c_bar.mul_add(V::load(s, live, at), sum);
            store(&mut high, at, &l_bar);
            store(&mut low, at, &r_bar);
        }
        wrap_high(s, layout, &mut high);
        self.sum.close(sum);
    }
}

/// Adjoint of the prediction and of the limited differences of a row of cells: spreads onto the
/// cotangents of the primitive variables of the row and its neighbours.
///
/// Rows come in order along y, planes along x, so that each sum is written once, when it is whole.
pub(crate) struct FacesVjp<'a, T, L, M, const F: usize> {
    pub(crate) code: PhantomData<(L, M)>,
    pub(crate) c: T,
    pub(crate) layout: Layout,
    /// `dt / (2 dx)` along each axis.
    pub(crate) half: [T; 3],
    /// 1e-12 of the spacing along each axis.
    pub(crate) tiny: [T; 3],
    pub(crate) cross: Cross<'a, T>,
    pub(crate) valid: &'a [T],
    /// Cotangents of the cells, and those at the lower and the upper faces along x.
    pub(crate) cells: &'a [T],
    pub(crate) lower_x: &'a [T],
    pub(crate) upper_x: &'a [T],
    /// Set to what this row has from its own cells and from those of the row below.
    pub(crate) own: &'a mut [T],
    /// What the row below gives to this one, then what this one gives to the next.
    pub(crate) carry: &'a mut [T],
    /// `own` of the row below, and its sum with what this row gives to it (set).
    pub(crate) below_y: &'a [T],
    pub(crate) plane: &'a mut [T],
    /// What the plane before the last one gives to the last one, then what this plane gives to
    /// the next.
    pub(crate) from_x: &'a mut [T],
    /// What the last plane has from its own cells, and its sum with `from_x` and with what this
    /// plane gives to it (set).
    pub(crate) below_x: &'a [T],
    pub(crate) whole: &'a mut [T],
    /// Room for what goes to the next cells along z, downwards and upwards.
    pub(crate) down: &'a mut [T],
    pub(crate) up: &'a mut [T],
    pub(crate) sum: Sum<'a, T>,
}

impl<T: Lane, L: Law<F>, M: Limit, const F: usize> Kernel for FacesVjp<'_, T, L, M, F> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S) {
        let layout = self.layout;
        let cross: Stencil<'_, T, F> = self.cross.split(layout);
        let valid = &self.valid[..layout.stride];
        let live = &self.sum.live[..layout.stride];
        let cells = |block: usize| {
            let rows = &self.cells[block * F * layout.stride..];
            split::<_, F>(layout, rows, PLAIN)
        };
        let low_x = split(layout, self.lower_x, PLAIN);
        let low = [low_x, cells(LOW_Y), cells(LOW_Z)];
        let high_x = split(layout, self.upper_x, PLAIN);
        let high = [high_x, cells(HIGH_Y), cells(LOW_Z + 1)];
        let own = split_mut::<_, F>(layout, self.own, PLAIN);
        let carry = split_mut::<_, F>(layout, self.carry, PLAIN);
        let below_y = split::<_, F>(layout, self.below_y, PLAIN);
        let plane = split_mut::<_, F>(layout, self.plane, PLAIN);
        let from_x = split_mut::<_, F>(layout, self.from_x, PLAIN);
        let below_x = split::<_, F>(layout, self.below_x, PLAIN);
        let whole = split_mut::<_, F>(layout, self.whole, PLAIN);
        let mut down = split_mut::<_, F>(layout, self.down, PLAIN);
        let mut up = split_mut::<_, F>(layout, self.up, PLAIN);
        let c = V::splat(s, self.c);
        let zero = c.zero();
        let h = splat3(s, self.half);
        let tiny = splat3(s, self.tiny);
        let mut sum = zero;
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            let good = zero.lt(V::load(s, valid, at));
            let w = load(s, &cross.centre, at);
            // At the lower and the upper face along an axis.
            macro_rules! faces {
                ($j:literal) => {{
                    // The upper face across z stands where the lower one of the next cell does.
                    let next = if $j == 2 { 1 } else { 0 };
                    (load(s, &low[$j], at), load(s, &high[$j], at + next))
                }};
            }
            let (first, mut bar) = faces!(0);
            for f in 0..F {
                bar[f] = first[f] + bar[f];
            }
            macro_rules! gather {
                ($j:literal) => {{
                    let (low, high) = faces!($j);
                    for f in 0..F {
                        bar[f] = bar[f] + (low[f] + high[f]);
                    }
                }};
            }
            gather!(1);
            gather!(2);
            // A cell that is taken as uniform gives nothing to its differences.
            let half = V::select(good, c.constant(0.5), zero);
            let mut predicted_bar = bar;
            for f in 0..F {
                predicted_bar[f] = V::select(good, bar[f], zero);
            }
            let mut vjp = PredictVjp::new::<L>(c, &w, &predicted_bar);
            vjp.w_bar = bar;
            macro_rules! along_x {
                ($f:expr, $a_bar:expr, $b_bar:expr) => {
                    let last = V::load(s, below_x[$f], at) - $a_bar;
                    (V::load(s, from_x[$f], at) + last).store(whole[$f], at);
                    $b_bar.store(from_x[$f], at);
                };
            }
            macro_rules! along_y {
                ($f:expr, $a_bar:expr, $b_bar:expr) => {
                    (V::load(s, below_y[$f], at) - $a_bar).store(plane[$f], at);
                    vjp.w_bar[$f] = vjp.w_bar[$f] + V::load(s, carry[$f], at);
                    $b_bar.store(carry[$f], at);
                };
            }
            macro_rules! along_z {
                ($f:expr, $a_bar:expr, $b_bar:expr) => {
                    $a_bar.store(down[$f], at);
                    $b_bar.store(up[$f], at);
                };
            }
            // Written out for each axis: a loop would keep its arrays in memory.
            macro_rules! axis {
                ($j:literal, $spread:ident) => {{
                    let (low, mut d_bar) = faces!($j);
                    for f in 0..F {
                        d_bar[f] = (d_bar[f] - low[f]) * half;
                    }
                    vjp.differences_bar::<L>($j, h[$j], &mut d_bar);
                    let mut d = [zero; F];
                    macro_rules! field {
                        ($f:literal) => {
                            let [a, b] = cross.differences(s, $j, $f, at);
                            let (limited, bars) = M::limited_vjp(a, b, tiny[$j], d_bar[$f]);
                            let [a_bar, b_bar] = bars;
                            d[$f] = limited;
                            vjp.w_bar[$f] = vjp.w_bar[$f] + (a_bar - b_bar);
                            $spread!($f, a_bar, b_bar);
                        };
                    }
                    field!(0);
                    field!(1);
                    field!(2);
                    field!(3);
                    if L::ENERGY {
                        field!(4);
                    }
                    vjp.differences::<L>($j, h[$j], &d);
                }};
            }
            axis!(0, along_x);
            axis!(1, along_y);
            axis!(2, along_z);
            let (w_bar, c_bar) = vjp.finish::<L>();
            sum = c_bar.mul_add(V::load(s, live, at), sum);
            for f in 0..F {
                w_bar[f].store(own[f], at);
            }
        }
        wrap_high(s, layout, &mut down);
        wrap_low(layout, &mut up);
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            for f in 0..F {
                let next = V::load(s, up[f], at - 1) - V::load(s, down[f], at + 1);
                (V::load(s, own[f], at) + next).store(own[f], at);
            }
        }
        self.sum.close(sum);
    }
}

/// Adjoint of [`ToPrimitive`](crate::kernels::ToPrimitive): writes the cotangent of the conserved
/// variables to the fields.
pub(crate) struct ToPrimitiveVjp<'a, T, L, const F: usize> {
    pub(crate) code: PhantomData<L>,
    pub(crate) c: T,
    pub(crate) layout: Layout,
    /// Primitive variables.
    pub(crate) rows: &'a [T],
    /// Their cotangents.
    pub(crate) bar: &'a [T],
    /// The cotangent of the new state, which holds the old one as it is: the fields of the mesh, and
    /// where the row begins in them.
    pub(crate) new_bar: &'a [&'a [T]],
    pub(crate) at: usize,
    /// The row in each field.
    pub(crate) out: [&'a mut [T]; F],
    pub(crate) sum: Sum<'a, T>,
}

impl<T: Lane, L: Law<F>, const F: usize> Kernel for ToPrimitiveVjp<'_, T, L, F> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S) {
        let layout = self.layout;
        let rows = split(layout, self.rows, PLAIN);
        let bar = split(layout, self.bar, PLAIN);
        let new_bar: [_; F] = cells(self.new_bar, self.at, layout.nz);
        let live = &self.sum.live[..layout.stride];
        let out = self.out.each_mut().map(|row| &mut row[..layout.nz]);
        let c = V::splat(s, self.c);
        let mut sum = c.zero();
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            let (w, bar) = (load(s, &rows, at), load(s, &bar, at));
            let mut c_bar = c.zero();
            let u_bar = L::primitive_vjp(c, &w, &bar, &mut c_bar);
            sum = c_bar.mul_add(V::load(s, live, at), sum);
            for f in 0..F {
                store_cells(out[f], k, u_bar[f] + load_cells(s, new_bar[f], k));
            }
        }
        self.sum.close(sum);
    }
}
