//! What one pair adds: forces, and their reverse and forward derivatives.
//!
//! With d = x_j - x_i, s^2 = d^2 + eps^2 (Plummer softening; Aarseth 1963, MNRAS 126, 223) and
//! the acceleration a_i = G sum_j m_j d / s^3, a cotangent w of it is pulled back by
//!
//! ```text
//! x_bar_i   = -G sum_j [ u / s^3 - 3 (u.d) d / s^5 ],    u = m_j w_i - m_i w_j
//! m_bar_i   = -G sum_j (w_j.d) / s^3
//! eps_bar   = -(3/2) G eps sum_ij (u.d) / s^5
//! G_bar     = sum_i w_i.a_i / G
//! ```
//!
//! u is never formed: sum_j u / s^3 = w_i sum_j m_j / s^3 - m_i sum_j w_j / s^3. All sums are
//! over the sources of a target, so the reverse derivative needs no other order than the force.
//!
//! Where all have a mass, fewer products do: with v = w/m and f = m_j / s^3, u = m_i m_j (v_i - v_j),
//!
//! ```text
//! x_bar_i   = G m_i sum_j [ f dv - 3 (f dv.d) d / s^2 ],    dv = v_j - v_i
//! m_bar_i   = -G sum_j (f dv.d) - v_i.a_i
//! eps_bar   = (3/2) G eps sum_ij m_i (f dv.d) / s^2
//! ```

use super::Pair;
use crate::simd::{Lane, Ops, Rsqrt};

/// Columns x, m; sums a/G, three components.
#[derive(Clone, Copy)]
pub(crate) struct Accelerate;

impl Pair<4, 3> for Accelerate {
    const GROUPS: usize = 2;
    #[inline(always)]
    fn add<T: Lane, S: Rsqrt>(
        self,
        ops: Ops<T, S>,
        d: [T::V<S>; 3],
        squared: T::V<S>,
        _: &[T::V<S>; 4],
        source: &[T::V<S>; 4],
        sums: &mut [T::V<S>; 3],
    ) {
        ops.add_scaled(sums, ops.over_cube(source[3], squared), d);
    }
}

/// Columns x, m; the sum of m_j / s.
#[derive(Clone, Copy)]
pub(crate) struct Potential;

impl Pair<4, 1> for Potential {
    const GROUPS: usize = 2;
    #[inline(always)]
    fn add<T: Lane, S: Rsqrt>(
        self,
        ops: Ops<T, S>,
        _: [T::V<S>; 3],
        squared: T::V<S>,
        _: &[T::V<S>; 4],
        source: &[T::V<S>; 4],
        [sum]: &mut [T::V<S>; 1],
    ) {
        *sum = ops.mul_add(source[3], ops.rsqrt(squared), *sum);
    }
}

/// Columns x, m, w. The sums, `OUT` = 9: m_j/s^3; w_j/s^3, three components; (u.d) d/s^5, three
/// components; (w_j.d)/s^3; (u.d)/s^5. With `OUT` = 12 the acceleration a/G follows.
#[derive(Clone, Copy)]
pub(crate) struct PullBack;

impl<const OUT: usize> Pair<7, OUT> for PullBack {
    const GROUPS: usize = 1;
    #[inline(always)]
    fn add<T: Lane, S: Rsqrt>(
        self,
        ops: Ops<T, S>,
        d: [T::V<S>; 3],
        squared: T::V<S>,
        &[_, _, _, m, wx, wy, wz]: &[T::V<S>; 7],
        &[_, _, _, m_j, wx_j, wy_j, wz_j]: &[T::V<S>; 7],
        sums: &mut [T::V<S>; OUT],
    ) {
        let w_j = [wx_j, wy_j, wz_j];
        let inverse = ops.rsqrt(squared);
        let over_square = ops.mul(inverse, inverse);
        let over_cube = ops.mul(inverse, over_square);
        let wd = ops.dot([wx, wy, wz], d);
        let wd_j = ops.dot(w_j, d);
        let ud = ops.mul_sub(m, wd_j, ops.mul(m_j, wd));
        let ud_over_fifth = ops.mul(ud, ops.mul(over_square, over_cube));
        let f = ops.mul(m_j, over_cube);
        sums[0] = ops.add(sums[0], f);
        ops.add_scaled(&mut sums[1..4], over_cube, w_j);
        ops.add_scaled(&mut sums[4..7], ud_over_fifth, d);
        sums[7] = ops.mul_add(over_cube, wd_j, sums[7]);
        sums[8] = ops.add(sums[8], ud_over_fifth);
        if OUT > 9 {
            ops.add_scaled(&mut sums[9..12], f, d);
        }
    }
}

/// Columns x, m, v with v = w/m. The sums: f dv, three components; (f dv.d) d/s^2, three components;
/// f dv.d; (f dv.d)/s^2; f d, the acceleration a/G, three components.
#[derive(Clone, Copy)]
pub(crate) struct PullBackPerMass;

impl Pair<7, 11> for PullBackPerMass {
    const GROUPS: usize = 1;
    #[inline(always)]
    fn add<T: Lane, S: Rsqrt>(
        self,
        ops: Ops<T, S>,
        d: [T::V<S>; 3],
        squared: T::V<S>,
        &[_, _, _, _, vx, vy, vz]: &[T::V<S>; 7],
        &[_, _, _, m_j, vx_j, vy_j, vz_j]: &[T::V<S>; 7],
        sums: &mut [T::V<S>; 11],
    ) {
        let dv = ops.minus([vx_j, vy_j, vz_j], [vx, vy, vz]);
        let inverse = ops.rsqrt(squared);
        let over_square = ops.mul(inverse, inverse);
        let f = ops.mul(ops.mul(m_j, inverse), over_square);
        let along = ops.mul(f, ops.dot(dv, d));
        let along_over_square = ops.mul(along, over_square);
        ops.add_scaled(&mut sums[0..3], f, dv);
        ops.add_scaled(&mut sums[3..6], along_over_square, d);
        sums[6] = ops.add(sums[6], along);
        sums[7] = ops.add(sums[7], along_over_square);
        ops.add_scaled(&mut sums[8..11], f, d);
    }
}

/// Columns x, m, dx, dm; sums a/G and its derivative, with dG = 0 and the given eps deps.
#[derive(Clone, Copy)]
pub(crate) struct PushForward {
    pub(crate) softening_slope: f64,
}

impl Pair<8, 6> for PushForward {
    const GROUPS: usize = 1;
    #[inline(always)]
    fn add<T: Lane, S: Rsqrt>(
        self,
        ops: Ops<T, S>,
        d: [T::V<S>; 3],
        squared: T::V<S>,
        target: &[T::V<S>; 8],
        &[_, _, _, m, x, y, z, dm]: &[T::V<S>; 8],
        sums: &mut [T::V<S>; 6],
    ) {
        let dd = ops.minus([x, y, z], [target[4], target[5], target[6]]);
        let inverse = ops.rsqrt(squared);
        let over_square = ops.mul(inverse, inverse);
        let over_cube = ops.mul(inverse, over_square);
        let f = ops.mul(m, over_cube);
        // s ds
        let slope = ops.add(ops.dot(d, dd), ops.splat(self.softening_slope));
        // df = dm / s^3 - 3 m s ds / s^5
        let three = ops.mul(ops.splat(3.0), ops.mul(over_square, slope));
        let df = ops.mul_sub(f, three, ops.mul(dm, over_cube));
        ops.add_scaled(&mut sums[0..3], f, d);
        ops.add_scaled(&mut sums[3..6], f, dd);
        ops.add_scaled(&mut sums[3..6], df, d);
    }
}
