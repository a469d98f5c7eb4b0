//! Two waves.

use super::{Riemann, physical, physical_vjp};
use crate::lane::Num;
use crate::law::Law;

/// [`Flux::Hll`](super::Flux::Hll): with `S_L = min(v_L - c_L, v_R - c_R, 0)` and
/// `S_R = max(v_L + c_L, v_R + c_R, 0)`,
/// `F = (S_R F_L - S_L F_R + S_L S_R (u_R - u_L)) / (S_R - S_L)`.
#[derive(Clone, Copy)]
pub(crate) struct HllFlux;

/// One side of a face: conserved variables, flux, pressure and speed of sound.
#[derive(Clone, Copy)]
pub(super) struct Side<N, const F: usize> {
    pub(super) u: [N; F],
    pub(super) f: [N; F],
    pub(super) p: N,
    pub(super) sound: N,
}

impl<N: Num, const F: usize> Side<N, F> {
    #[inline(always)]
    pub(super) fn new<L: Law<F>>(c: N, w: &[N; F]) -> Self {
        let u = L::conserved(c, w);
        let p = L::pressure(c, w);
        Self {
            u,
            f: physical::<N, L, F>(w, &u, p),
            p,
            sound: L::sound(c, w),
        }
    }

    /// The cotangent of the primitive state; `w_bar` is what is known of it already, as far as it
    /// does not come from the conserved variables, the flux, the pressure or the sound.
    #[inline(always)]
    pub(super) fn vjp<L: Law<F>>(
        &self,
        c: N,
        w: &[N; F],
        u_bar: &[N; F],
        f_bar: &[N; F],
        p_bar: N,
        sound_bar: N,
        w_bar: &mut [N; F],
        c_bar: &mut N,
    ) {
        let mut u_bar = *u_bar;
        let p_bar = p_bar + physical_vjp::<N, L, F>(w, &self.u, self.p, f_bar, w_bar, &mut u_bar);
        L::pressure_vjp(c, w, p_bar, w_bar, c_bar);
        L::sound_vjp(c, w, self.sound, sound_bar, w_bar, c_bar);
        L::conserved_vjp(c, w, &u_bar, w_bar, c_bar);
    }
}

/// The slowest and the fastest signal: `min(v_L - c_L, v_R - c_R)`, `max(v_L + c_L, v_R + c_R)`.
#[inline(always)]
pub(super) fn signals<N: Num>(vl: N, sl: N, vr: N, sr: N) -> [N; 2] {
    [(vl - sl).min(vr - sr), (vl + sl).max(vr + sr)]
}

/// Adjoint of [`signals`]: cotangents of `v_L, c_L, v_R, c_R`.
#[inline(always)]
pub(super) fn signals_vjp<N: Num>(vl: N, sl: N, vr: N, sr: N, bar: [N; 2]) -> [N; 4] {
    let zero = vl.zero();
    let slow_left = (vl - sl).lt(vr - sr);
    let fast_right = (vl + sl).lt(vr + sr);
    let (sll, slr) = (
        N::select(slow_left, bar[0], zero),
        N::select(slow_left, zero, bar[0]),
    );
    let (srl, srr) = (
        N::select(fast_right, zero, bar[1]),
        N::select(fast_right, bar[1], zero),
    );
    [sll + srl, srl - sll, slr + srr, srr - slr]
}

impl Riemann for HllFlux {
    #[inline(always)]
    fn flux<N: Num, L: Law<F>, const F: usize>(c: N, l: &[N; F], r: &[N; F]) -> [N; F] {
        let zero = c.zero();
        let (left, right) = (Side::new::<L>(c, l), Side::new::<L>(c, r));
        let [slow, fast] = signals(l[1], left.sound, r[1], right.sound);
        let (slow, fast) = (slow.min(zero), fast.max(zero));
        let inverse = c.constant(1.0) / (fast - slow);
        let (a, b, d) = (fast * inverse, -(slow * inverse), slow * fast * inverse);
        let mut f = left.f;
        for i in 0..F {
            f[i] = a * left.f[i] + b * right.f[i] + d * (right.u[i] - left.u[i]);
        }
        f
    }

    #[inline(always)]
    fn flux_vjp<N: Num, L: Law<F>, const F: usize>(
        c: N,
        l: &[N; F],
        r: &[N; F],
        f_bar: &[N; F],
        c_bar: &mut N,
    ) -> [[N; F]; 2] {
        let zero = c.zero();
        let (left, right) = (Side::new::<L>(c, l), Side::new::<L>(c, r));
        let free = signals(l[1], left.sound, r[1], right.sound);
        let (slow, fast) = (free[0].min(zero), free[1].max(zero));
        let inverse = c.constant(1.0) / (fast - slow);
        let (a, b, d) = (fast * inverse, -(slow * inverse), slow * fast * inverse);

        let (mut fl_bar, mut fr_bar) = ([zero; F], [zero; F]);
        let (mut ul_bar, mut ur_bar) = ([zero; F], [zero; F]);
        // a + b = 1, so only their difference counts.
        let (mut weight_bar, mut d_bar) = (zero, zero);
        for i in 0..F {
            fl_bar[i] = a * f_bar[i];
            fr_bar[i] = b * f_bar[i];
            ur_bar[i] = d * f_bar[i];
            ul_bar[i] = -ur_bar[i];
            weight_bar = f_bar[i].mul_add(left.f[i] - right.f[i], weight_bar);
            d_bar = f_bar[i].mul_add(right.u[i] - left.u[i], d_bar);
        }
        let square = inverse * inverse;
        let slow_bar = square * fast * (weight_bar + fast * d_bar);
        let fast_bar = -(square * slow * (weight_bar + slow * d_bar));
        let bar = [
            N::select(free[0].lt(zero), slow_bar, zero),
            N::select(zero.lt(free[1]), fast_bar, zero),
        ];
        let [vl_bar, sl_bar, vr_bar, sr_bar] =
            signals_vjp(l[1], left.sound, r[1], right.sound, bar);
        let (mut l_bar, mut r_bar) = ([zero; F], [zero; F]);
        l_bar[1] = vl_bar;
        r_bar[1] = vr_bar;
        left.vjp::<L>(c, l, &ul_bar, &fl_bar, zero, sl_bar, &mut l_bar, c_bar);
        right.vjp::<L>(c, r, &ur_bar, &fr_bar, zero, sr_bar, &mut r_bar, c_bar);
        [l_bar, r_bar]
    }
}
