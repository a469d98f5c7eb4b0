//! The adjoint of the step, row by row.

use std::marker::PhantomData;

use pulp::Simd;

use crate::kernels::{Cross, across, add, load, plain, splat3, store, store_cells, wrap};
use crate::lane::{Kernel, Lane, Num, V};
use crate::law::Law;
use crate::limiter::Limit;
use crate::predict::PredictVjp;
use crate::riemann::Riemann;
use crate::rows::{Layout, PAD};

/// What a kernel adds to the cotangent of the parameter.
pub(crate) struct Sum<'a, T> {
    /// One for each cell of a row, zero beyond.
    pub(crate) live: &'a [T],
    /// Whether this row's share is counted here.
    pub(crate) counts: bool,
    pub(crate) total: &'a mut f64,
}

impl<T: Lane> Sum<'_, T> {
    #[inline(always)]
    fn close<S: Simd>(self, sum: V<T, S>) {
        if self.counts {
            *self.total += sum.sum().f64();
        }
    }
}

/// Cotangents of the states at the faces of the cells of a row, one block of `F` fields after the
/// other: at the lower face along x, of even and of odd planes, and at the lower and the upper faces
/// along y and z. Those at the upper face along x are used at once.
pub(crate) const BLOCKS: usize = 6;
pub(crate) const LOW_Y: usize = 2;
pub(crate) const HIGH_Y: usize = 3;
const LOW_Z: usize = 4;

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
    fn run<S: Simd>(self, s: S) {
        let order = across::<F>(self.axis);
        let layout = self.layout;
        let c = V::splat(s, self.c);
        let scale = V::splat(s, self.scale);
        let zero = c.zero();
        let mut sum = zero;
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            let l = load(s, layout, self.l, at, &order);
            let r = load(s, layout, self.r, at, &order);
            let from: [_; F] = load(s, layout, self.from_bar, at, &order);
            let mut f_bar = load(s, layout, self.to_bar, at, &order);
            for i in 0..F {
                f_bar[i] = (f_bar[i] - from[i]) * scale;
            }
            let mut c_bar = zero;
            let [l_bar, r_bar] = R::flux_vjp::<_, L, F>(c, &l, &r, &f_bar, &mut c_bar);
            sum = c_bar.mul_add(V::load(s, self.sum.live, at), sum);
            store(layout, self.left, at, &order, &l_bar);
            store(layout, self.right, at, &order, &r_bar);
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
    fn run<S: Simd>(self, s: S) {
        let order = across::<F>(2);
        let layout = self.layout;
        let low = LOW_Z * F * layout.stride;
        let high = low + F * layout.stride;
        let c = V::splat(s, self.c);
        let scale = V::splat(s, self.scale);
        let zero = c.zero();
        let mut sum = zero;
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            let l = load(s, layout, self.l, at - 1, &order);
            let r = load(s, layout, self.r, at, &order);
            let from: [_; F] = load(s, layout, self.bar, at - 1, &order);
            let mut f_bar = load(s, layout, self.bar, at, &order);
            for i in 0..F {
                f_bar[i] = (f_bar[i] - from[i]) * scale;
            }
            let mut c_bar = zero;
            let [l_bar, r_bar] = R::flux_vjp::<_, L, F>(c, &l, &r, &f_bar, &mut c_bar);
            sum = c_bar.mul_add(V::load(s, self.sum.live, at), sum);
            store(layout, self.cells, high + at, &order, &l_bar);
            store(layout, self.cells, low + at, &order, &r_bar);
        }
        wrap(s, layout, &mut self.cells[high..]);
        self.sum.close(sum);
    }
}

/// Adjoint of the prediction and of the limited differences of a row of cells: spreads onto the
/// cotangents of the primitive variables of the row and its neighbours.
pub(crate) struct FacesVjp<'a, T, L, M, const F: usize> {
    pub(crate) code: PhantomData<(L, M)>,
    pub(crate) c: T,
    pub(crate) layout: Layout,
    pub(crate) half: [T; 3],
    pub(crate) tiny: [T; 3],
    pub(crate) cross: Cross<'a, T>,
    pub(crate) valid: &'a [T],
    /// Cotangents of the cells, of even or of odd planes, and those at the upper faces along x.
    pub(crate) cells: &'a [T],
    pub(crate) odd: bool,
    pub(crate) upper_x: &'a [T],
    /// Cotangents of the primitive variables: of this row, and of those at lower x, higher x
    /// (set), lower y and higher y.
    pub(crate) own: &'a mut [T],
    pub(crate) sides: [&'a mut [T]; 4],
    /// Room for what goes to the next cells along z, downwards and upwards.
    pub(crate) down: &'a mut [T],
    pub(crate) up: &'a mut [T],
    pub(crate) sum: Sum<'a, T>,
}

impl<T: Lane, L: Law<F>, M: Limit, const F: usize> Kernel for FacesVjp<'_, T, L, M, F> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let layout = self.layout;
        let order = plain::<F>();
        let block = F * layout.stride;
        let c = V::splat(s, self.c);
        let (zero, half) = (c.zero(), c.constant(0.5));
        let h = splat3(s, self.half);
        let tiny = splat3(s, self.tiny);
        let [low_x, high_x, low_y, high_y] = self.sides;
        let mut sum = zero;
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            let good = zero.lt(V::load(s, self.valid, at));
            let w = load(s, layout, self.cross.centre, at, &order);
            // At the lower and the upper face along an axis.
            macro_rules! faces {
                ($j:literal) => {{
                    let (low, high, next) = match $j {
                        0 => (usize::from(self.odd) * block, self.upper_x, 0),
                        1 => (LOW_Y * block, &self.cells[HIGH_Y * block..], 0),
                        // The upper face stands where the lower one of the next cell does.
                        _ => (LOW_Z * block, &self.cells[(LOW_Z + 1) * block..], 1),
                    };
                    let low: [V<T, S>; F] = load(s, layout, self.cells, low + at, &order);
                    let high: [V<T, S>; F] = load(s, layout, high, at + next, &order);
                    (low, high)
                }};
            }
            let mut bar = [zero; F];
            macro_rules! gather {
                ($j:literal) => {{
                    let (low, high) = faces!($j);
                    for f in 0..F {
                        bar[f] = bar[f] + (low[f] + high[f]);
                    }
                }};
            }
            gather!(0);
            gather!(1);
            gather!(2);
            let mut vjp = PredictVjp::new::<L>(c, &w, &bar);
            macro_rules! along_x {
                ($place:expr, $a_bar:expr, $b_bar:expr) => {
                    (V::load(s, low_x, $place) - $a_bar).store(low_x, $place);
                    $b_bar.store(high_x, $place);
                };
            }
            macro_rules! along_y {
                ($place:expr, $a_bar:expr, $b_bar:expr) => {
                    (V::load(s, low_y, $place) - $a_bar).store(low_y, $place);
                    (V::load(s, high_y, $place) + $b_bar).store(high_y, $place);
                };
            }
            macro_rules! along_z {
                ($place:expr, $a_bar:expr, $b_bar:expr) => {
                    (-$a_bar).store(self.down, $place);
                    $b_bar.store(self.up, $place);
                };
            }
            // Written out for each axis: a loop would keep its arrays in memory.
            macro_rules! axis {
                ($j:literal, $spread:ident) => {{
                    let mut d = [zero; F];
                    let mut slopes = [[zero; 2]; F];
                    for f in 0..F {
                        let [a, b] = self.cross.differences(s, $j, f * layout.stride + at);
                        let (limited, partials) = M::partials(a, b, tiny[$j]);
                        d[f] = V::select(good, limited, zero);
                        slopes[f] = partials;
                    }
                    let (low, mut d_bar) = faces!($j);
                    for f in 0..F {
                        d_bar[f] = (d_bar[f] - low[f]) * half;
                    }
                    vjp.axis::<L>($j, h[$j], &d, &mut d_bar);
                    for f in 0..F {
                        let d_bar = V::select(good, d_bar[f], zero);
                        let (a_bar, b_bar) = (slopes[f][0] * d_bar, slopes[f][1] * d_bar);
                        vjp.w_bar[f] = vjp.w_bar[f] + (a_bar - b_bar);
                        let place = f * layout.stride + at;
                        $spread!(place, a_bar, b_bar);
                    }
                }};
            }
            axis!(0, along_x);
            axis!(1, along_y);
            axis!(2, along_z);
            let (w_bar, c_bar) = vjp.finish::<L>();
            sum = c_bar.mul_add(V::load(s, self.sum.live, at), sum);
            add(s, layout, self.own, at, &order, c.constant(1.0), &w_bar);
        }
        wrap(s, layout, self.down);
        wrap(s, layout, self.up);
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            let mut next: [V<T, S>; F] = load(s, layout, self.down, at + 1, &order);
            let up: [V<T, S>; F] = load(s, layout, self.up, at - 1, &order);
            for f in 0..F {
                next[f] = next[f] + up[f];
            }
            add(s, layout, self.own, at, &order, c.constant(1.0), &next);
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
    /// Their cotangents: what comes from the cells at lower x, and the rest.
    pub(crate) below: &'a [T],
    pub(crate) own: &'a [T],
    /// The cotangent of the new state, which holds the old one as it is.
    pub(crate) new_bar: &'a [T],
    /// The row in each field.
    pub(crate) out: [&'a mut [T]; F],
    pub(crate) sum: Sum<'a, T>,
}

impl<T: Lane, L: Law<F>, const F: usize> Kernel for ToPrimitiveVjp<'_, T, L, F> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let layout = self.layout;
        let order = plain::<F>();
        let c = V::splat(s, self.c);
        let mut sum = c.zero();
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            let w = load(s, layout, self.rows, at, &order);
            let below: [_; F] = load(s, layout, self.below, at, &order);
            let mut bar = load(s, layout, self.own, at, &order);
            for f in 0..F {
                bar[f] = below[f] + bar[f];
            }
            let new_bar: [_; F] = load(s, layout, self.new_bar, at, &order);
            let mut c_bar = c.zero();
            let u_bar = L::primitive_vjp(c, &w, &bar, &mut c_bar);
            sum = c_bar.mul_add(V::load(s, self.sum.live, at), sum);
            for f in 0..F {
                store_cells(self.out[f], k, u_bar[f] + new_bar[f]);
            }
        }
        self.sum.close(sum);
    }
}
