//! The forward step, row by row.

use std::marker::PhantomData;

use pulp::Simd;

use crate::lane::{Kernel, Lane, Num, V};
use crate::law::Law;
use crate::limiter::Limit;
use crate::predict::predict;
use crate::riemann::Riemann;
use crate::rows::{Layout, PAD, PLAIN, split, split_mut};

/// The types that a kernel is compiled for.
pub(crate) fn marker<X>(_: X) -> PhantomData<X> {
    PhantomData
}

/// The variables at position `at`.
#[inline(always)]
pub(crate) fn load<T: Lane, S: Simd, const F: usize>(
    s: S,
    fields: &[&[T]; F],
    at: usize,
) -> [V<T, S>; F] {
    let mut out = [V::splat(s, T::zero()); F];
    for f in 0..F {
        out[f] = V::load(s, fields[f], at);
    }
    out
}

/// Writes variables to position `at`.
#[inline(always)]
pub(crate) fn store<T: Lane, S: Simd, const F: usize>(
    fields: &mut [&mut [T]; F],
    at: usize,
    x: &[V<T, S>; F],
) {
    for f in 0..F {
        x[f].store(fields[f], at);
    }
}

/// Adds `scale x` at position `at`.
#[inline(always)]
pub(crate) fn add<T: Lane, S: Simd, const F: usize>(
    s: S,
    fields: &mut [&mut [T]; F],
    at: usize,
    scale: V<T, S>,
    x: &[V<T, S>; F],
) {
    for f in 0..F {
        let sum = scale.mul_add(x[f], V::load(s, fields[f], at));
        sum.store(fields[f], at);
    }
}

/// The cells of a row in each field of the mesh.
#[inline(always)]
pub(crate) fn cells<'a, T, const F: usize>(
    fields: &[&'a [T]],
    at: usize,
    nz: usize,
) -> [&'a [T]; F] {
    let mut out: [&[T]; F] = [&[]; F];
    for f in 0..F {
        out[f] = &fields[f][at..][..nz];
    }
    out
}

/// Cells of a field from `k` on; beyond its end, its first one.
#[inline(always)]
pub(crate) fn load_cells<T: Lane, S: Simd>(s: S, cells: &[T], k: usize) -> V<T, S> {
    if k + T::lanes::<S>() <= cells.len() {
        return V::load(s, cells, k);
    }
    let mut tail = [cells[0]; PAD];
    tail[..cells.len() - k].copy_from_slice(&cells[k..]);
    V::load(s, &tail, 0)
}

/// Writes cells of a field from `k` on; what lies beyond its end is dropped.
#[inline(always)]
pub(crate) fn store_cells<T: Lane, S: Simd>(cells: &mut [T], k: usize, x: V<T, S>) {
    if k + T::lanes::<S>() <= cells.len() {
        return x.store(cells, k);
    }
    let mut tail = [cells[0]; PAD];
    x.store(&mut tail, 0);
    let left = cells.len() - k;
    cells[k..].copy_from_slice(&tail[..left]);
}

/// Sets the periodic neighbours of rows, and what a register reads beyond them to something
/// finite.
#[inline(always)]
pub(crate) fn wrap<T: Lane, S: Simd, const F: usize>(
    s: S,
    layout: Layout,
    fields: &mut [&mut [T]; F],
) {
    wrap_low(layout, fields);
    wrap_high(s, layout, fields);
}

/// [`wrap`] at the beginning alone.
#[inline(always)]
pub(crate) fn wrap_low<T: Lane, const F: usize>(layout: Layout, fields: &mut [&mut [T]; F]) {
    for row in fields {
        row[PAD - 1] = row[PAD + layout.nz - 1];
    }
}

/// [`wrap`] at the end alone.
#[inline(always)]
pub(crate) fn wrap_high<T: Lane, S: Simd, const F: usize>(
    s: S,
    layout: Layout,
    fields: &mut [&mut [T]; F],
) {
    for row in fields {
        V::splat(s, row[PAD]).store(row, PAD + layout.nz);
    }
}

/// Copies a row of every field.
pub(crate) struct Fill<'a, T, const F: usize> {
    pub(crate) layout: Layout,
    /// The fields of the mesh, and where the row begins in them.
    pub(crate) fields: &'a [&'a [T]],
    pub(crate) at: usize,
    /// Whether the periodic neighbours are needed.
    pub(crate) wrapped: bool,
    pub(crate) rows: &'a mut [T],
}

impl<T: Lane, const F: usize> Kernel for Fill<'_, T, F> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S) {
        let layout = self.layout;
        let from: [_; F] = cells(self.fields, self.at, layout.nz);
        let mut rows: [_; F] = split_mut(layout, self.rows, PLAIN);
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            for f in 0..F {
                load_cells(s, from[f], k).store(rows[f], PAD + k);
            }
        }
        if self.wrapped {
            wrap(s, layout, &mut rows);
        }
    }
}

/// Loads a row of conserved variables as primitive ones.
pub(crate) struct ToPrimitive<'a, T, L, const F: usize> {
    pub(crate) code: PhantomData<L>,
    pub(crate) c: T,
    pub(crate) layout: Layout,
    /// The fields of the mesh, and where the row begins in them.
    pub(crate) fields: &'a [&'a [T]],
    pub(crate) at: usize,
    pub(crate) rows: &'a mut [T],
}

impl<T: Lane, L: Law<F>, const F: usize> Kernel for ToPrimitive<'_, T, L, F> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S) {
        let layout = self.layout;
        let c = V::splat(s, self.c);
        let from: [_; F] = cells(self.fields, self.at, layout.nz);
        let mut rows: [_; F] = split_mut(layout, self.rows, PLAIN);
        let mut u = [c; F];
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            for f in 0..F {
                u[f] = load_cells(s, from[f], k);
            }
            store(&mut rows, PAD + k, &L::primitive(c, &u));
        }
        wrap(s, layout, &mut rows);
    }
}

/// Primitive rows around a row of cells.
#[derive(Clone, Copy)]
pub(crate) struct Cross<'a, T> {
    pub(crate) centre: &'a [T],
    /// Rows at lower x, higher x, lower y and higher y.
    pub(crate) sides: [&'a [T]; 4],
}

impl<'a, T: Lane> Cross<'a, T> {
    #[inline(always)]
    pub(crate) fn split<const F: usize>(self, layout: Layout) -> Stencil<'a, T, F> {
        let [low_x, high_x, low_y, high_y] = self.sides;
        let fields = |rows| split(layout, rows, PLAIN);
        Stencil {
            centre: fields(self.centre),
            sides: [fields(low_x), fields(high_x), fields(low_y), fields(high_y)],
        }
    }
}

/// The fields of a row of cells and of those around it.
pub(crate) struct Stencil<'a, T, const F: usize> {
    pub(crate) centre: [&'a [T]; F],
    sides: [[&'a [T]; F]; 4],
}

impl<T: Lane, const F: usize> Stencil<'_, T, F> {
    /// The one-sided differences of a variable along an axis.
    #[inline(always)]
    pub(crate) fn differences<S: Simd>(
        &self,
        s: S,
        axis: usize,
        f: usize,
        at: usize,
    ) -> [V<T, S>; 2] {
        let row = self.centre[f];
        let centre = V::load(s, row, at);
        let sides = &self.sides;
        let (low, high) = match axis {
            0 => (V::load(s, sides[0][f], at), V::load(s, sides[1][f], at)),
            1 => (V::load(s, sides[2][f], at), V::load(s, sides[3][f], at)),
            _ => (V::load(s, row, at - 1), V::load(s, row, at + 1)),
        };
        [centre - low, high - centre]
    }
}

/// Limited differences, half-step prediction, and the states at the six faces of each cell.
pub(crate) struct Faces<'a, T, L, M, const F: usize> {
    pub(crate) code: PhantomData<(L, M)>,
    pub(crate) c: T,
    pub(crate) layout: Layout,
    /// `dt / (2 dx)` along each axis.
    pub(crate) half: [T; 3],
    /// 1e-12 of the spacing along each axis.
    pub(crate) tiny: [T; 3],
    pub(crate) cross: Cross<'a, T>,
    /// Rows of states at the lower faces along x, y and z.
    pub(crate) low: [&'a mut [T]; 3],
    /// Rows of states at the upper faces; those along z with their periodic neighbours.
    pub(crate) high: [&'a mut [T]; 3],
    /// One where the reconstruction stands, zero where it would make the density or the pressure
    /// vanish at a face and the cell is taken as uniform.
    pub(crate) valid: &'a mut [T],
    /// Whether it stands in the whole row.
    pub(crate) all_valid: &'a mut bool,
}

impl<T: Lane, L: Law<F>, M: Limit, const F: usize> Kernel for Faces<'_, T, L, M, F> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S) {
        let layout = self.layout;
        let cross: Stencil<'_, T, F> = self.cross.split(layout);
        let valid = &mut self.valid[..layout.stride];
        let [low_x, low_y, low_z] = &mut self.low;
        let low = [
            split_mut::<_, F>(layout, low_x, PLAIN),
            split_mut(layout, low_y, PLAIN),
            split_mut(layout, low_z, PLAIN),
        ];
        let [high_x, high_y, high_z] = &mut self.high;
        let mut high = [
            split_mut::<_, F>(layout, high_x, PLAIN),
            split_mut(layout, high_y, PLAIN),
            split_mut(layout, high_z, PLAIN),
        ];
        let c = V::splat(s, self.c);
        let [zero, one, minus] = [0.0, 1.0, -0.5].map(|x| V::splat(s, T::of(x)));
        let h = splat3(s, self.half);
        let tiny = splat3(s, self.tiny);
        let plus = -minus;
        let mut bad = zero;
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            let w = load(s, &cross.centre, at);
            let mut d = [[zero; F]; 3];
            // Written out for each axis: a loop would keep its arrays in memory.
            macro_rules! axis {
                ($j:literal) => {
                    for f in 0..F {
                        let [a, b] = cross.differences(s, $j, f, at);
                        d[$j][f] = M::limited(a, b, tiny[$j]);
                    }
                };
            }
            axis!(0);
            axis!(1);
            axis!(2);
            let predicted = predict::<_, L, F>(c, h, &w, &d);
            let mut least = margin(&predicted, &d, 0);
            if L::ENERGY {
                least = least.min(margin(&predicted, &d, F - 1));
            }
            let good = zero.lt(least);
            V::select(good, one, zero).store(valid, at);
            bad = bad + V::select(good, zero, one);
            let mut base = predicted;
            for f in 0..F {
                base[f] = V::select(good, predicted[f], w[f]);
            }
            macro_rules! sides {
                ($j:literal) => {
                    for f in 0..F {
                        let d = V::select(good, d[$j][f], zero);
                        minus.mul_add(d, base[f]).store(low[$j][f], at);
                        plus.mul_add(d, base[f]).store(high[$j][f], at);
                    }
                };
            }
            sides!(0);
            sides!(1);
            sides!(2);
        }
        wrap(s, layout, &mut high[2]);
        *self.all_valid = bad.sum() == T::zero();
    }
}

/// The least value of a variable on the faces of a cell.
#[inline(always)]
fn margin<N: Num, const F: usize>(w: &[N; F], d: &[[N; F]; 3], f: usize) -> N {
    let largest = d[0][f].abs().max(d[1][f].abs()).max(d[2][f].abs());
    w[f] - largest * w[f].constant(0.5)
}

#[inline(always)]
pub(crate) fn splat3<T: Lane, S: Simd>(s: S, x: [T; 3]) -> [V<T, S>; 3] {
    [V::splat(s, x[0]), V::splat(s, x[1]), V::splat(s, x[2])]
}

/// Fluxes through the faces between two rows, across x or y: taken from the one, given to the
/// other.
pub(crate) struct Exchange<'a, T, L, R, const F: usize> {
    pub(crate) code: PhantomData<(L, R)>,
    pub(crate) c: T,
    pub(crate) layout: Layout,
    pub(crate) axis: usize,
    /// `dt / dx` across the faces.
    pub(crate) scale: T,
    pub(crate) l: &'a [T],
    pub(crate) r: &'a [T],
    pub(crate) from: &'a mut [T],
    pub(crate) to: &'a mut [T],
}

impl<T: Lane, L: Law<F>, R: Riemann, const F: usize> Kernel for Exchange<'_, T, L, R, F> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S) {
        let (layout, axis) = (self.layout, self.axis);
        let (l, r) = (split(layout, self.l, axis), split(layout, self.r, axis));
        let mut from = split_mut(layout, self.from, axis);
        let mut to = split_mut(layout, self.to, axis);
        let c = V::splat(s, self.c);
        let scale = V::splat(s, self.scale);
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            let f = R::flux::<_, L, F>(c, &load(s, &l, at), &load(s, &r, at));
            add(s, &mut from, at, -scale, &f);
            add(s, &mut to, at, scale, &f);
        }
    }
}

/// Fluxes through the faces across z of a row: `rows[k] += scale (flux[k] - flux[k + 1])`.
pub(crate) struct Along<'a, T, L, R, const F: usize> {
    pub(crate) code: PhantomData<(L, R)>,
    pub(crate) c: T,
    pub(crate) layout: Layout,
    /// `dt / dz`.
    pub(crate) scale: T,
    /// States at the upper faces, with their periodic neighbours.
    pub(crate) l: &'a [T],
    /// States at the lower faces.
    pub(crate) r: &'a [T],
    /// Room for the fluxes.
    pub(crate) flux: &'a mut [T],
    pub(crate) rows: &'a mut [T],
}

impl<T: Lane, L: Law<F>, R: Riemann, const F: usize> Kernel for Along<'_, T, L, R, F> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S) {
        let layout = self.layout;
        let (l, r) = (split(layout, self.l, 2), split(layout, self.r, 2));
        let mut flux = split_mut(layout, self.flux, 2);
        let rows = split_mut::<_, F>(layout, self.rows, 2);
        let c = V::splat(s, self.c);
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            let f = R::flux::<_, L, F>(c, &load(s, &l, at - 1), &load(s, &r, at));
            store(&mut flux, at, &f);
        }
        wrap(s, layout, &mut flux);
        let scale = V::splat(s, self.scale);
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let at = PAD + k;
            for f in 0..F {
                let through = V::load(s, flux[f], at) - V::load(s, flux[f], at + 1);
                let sum = scale.mul_add(through, V::load(s, rows[f], at));
                sum.store(rows[f], at);
            }
        }
    }
}

/// Writes a row of conserved variables to the fields; whether its cells are finite, and density and
/// pressure above their floors.
pub(crate) struct Finish<'a, T, L, const F: usize> {
    pub(crate) code: PhantomData<L>,
    pub(crate) layout: Layout,
    pub(crate) density_floor: T,
    /// The pressure's floor over gamma - 1.
    pub(crate) energy_floor: T,
    pub(crate) rows: &'a [T],
    /// The row in each field.
    pub(crate) out: [&'a mut [T]; F],
    pub(crate) good: &'a mut bool,
}

impl<T: Lane, L: Law<F>, const F: usize> Kernel for Finish<'_, T, L, F> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S) {
        let layout = self.layout;
        let rows = split::<_, F>(layout, self.rows, PLAIN);
        let out = self.out.each_mut().map(|row| &mut row[..layout.nz]);
        let [zero, one, infinity] = [0.0, 1.0, f64::INFINITY].map(|x| V::splat(s, T::of(x)));
        let density_floor = V::splat(s, self.density_floor);
        let energy_floor = V::splat(s, self.energy_floor);
        let mut bad = zero;
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let u = load(s, &rows, PAD + k);
            for f in 0..F {
                store_cells(out[f], k, u[f]);
            }
            let mut squares = zero;
            for i in 1..4 {
                squares = u[i].mul_add(u[i], squares);
            }
            let positive = V::select(density_floor.lt(u[0]), zero, one);
            let finite = V::select((squares + u[0]).lt(infinity), zero, one);
            bad = bad + positive + finite;
            if L::ENERGY {
                // 2 rho (E - rho v^2 / 2), without a division.
                let thermal = (u[0] + u[0]) * (u[F - 1] - energy_floor) - squares;
                bad = bad + V::select(zero.lt(thermal), zero, one);
            }
        }
        *self.good = bad.sum() == T::zero();
    }
}

/// The largest `sum_d (|v_d| + c) / dx_d` of a row.
pub(crate) struct Signal<'a, T, L, const F: usize> {
    pub(crate) code: PhantomData<L>,
    pub(crate) c: T,
    pub(crate) layout: Layout,
    /// `1 / dx` along each axis.
    pub(crate) inverse: [T; 3],
    /// Primitive variables.
    pub(crate) rows: &'a [T],
    pub(crate) largest: &'a mut T,
}

impl<T: Lane, L: Law<F>, const F: usize> Kernel for Signal<'_, T, L, F> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, s: S) {
        let layout = self.layout;
        let rows = split::<_, F>(layout, self.rows, PLAIN);
        let c = V::splat(s, self.c);
        let inverse = splat3(s, self.inverse);
        let zero = V::splat(s, T::zero());
        let (mut largest, mut poison) = (zero, zero);
        for k in (0..layout.nz).step_by(T::lanes::<S>()) {
            let w = load(s, &rows, PAD + k);
            let sound = L::sound(c, &w);
            let mut rate = V::splat(s, T::zero());
            for j in 0..3 {
                rate = (w[1 + j].abs() + sound).mul_add(inverse[j], rate);
            }
            largest = largest.max(rate);
            // A maximum loses NaN.
            poison = rate.mul_add(zero, poison);
        }
        *self.largest = largest.largest() + poison.sum();
    }
}
