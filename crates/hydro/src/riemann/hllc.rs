//! Two waves and the contact between them.

use super::Riemann;
use super::hll::{HllFlux, Side, signals, signals_vjp};
use crate::lane::Num;
use crate::law::Law;

/// [`Flux::Hllc`](super::Flux::Hllc).
///
/// With an energy (Toro 2009, section 10.4), the contact moves at
/// `S* = (P_R - P_L + a_L v_L - a_R v_R) / (a_L - a_R)`, `a_K = rho_K (S_K - v_K)`, and the flux is
/// `F_K + S'_K (u*_K - u_K)` of the side K that the contact moves away from, with `S'_L =
/// min(S_L, 0)`, `S'_R = max(S_R, 0)`.
///
/// Without one, mass and normal momentum flow as in HLL, and the tangential momentum with the
/// mass, from the side that it comes from.
#[derive(Clone, Copy)]
pub(crate) struct HllcFlux;

/// `yes` where the mask is true, else `no`, element by element.
#[inline(always)]
fn pick<N: Num, const F: usize>(mask: N::Mask, yes: &[N; F], no: &[N; F]) -> [N; F] {
    let mut out = *no;
    for i in 0..F {
        out[i] = N::select(mask, yes[i], no[i]);
    }
    out
}

/// The state between a wave `s` and the contact `star` on the side of `w`, and its parts.
struct Star<N, const F: usize> {
    u: [N; F],
    /// `rho (s - v)`.
    a: N,
    /// `1 / (s - star)`.
    gap: N,
    density: N,
    /// Specific total energy.
    energy: N,
}

impl<N: Num, const F: usize> Star<N, F> {
    #[inline(always)]
    fn new(w: &[N; F], u: &[N; F], p: N, s: N, star: N) -> Self {
        let a = w[0] * (s - w[1]);
        let gap = w[0].constant(1.0) / (s - star);
        let density = a * gap;
        let energy = u[F - 1] / w[0] + (star - w[1]) * (star + p / a);
        let mut state = *w;
        state[0] = density;
        state[1] = density * star;
        state[2] = density * w[2];
        state[3] = density * w[3];
        state[F - 1] = density * energy;
        Self {
            u: state,
            a,
            gap,
            density,
            energy,
        }
    }

    /// Cotangents of `s` and `star`; adds to those of `w`, `u` and `p`.
    #[inline(always)]
    fn vjp(
        &self,
        w: &[N; F],
        u: &[N; F],
        p: N,
        s: N,
        star: N,
        bar: &[N; F],
        w_bar: &mut [N; F],
        u_bar: &mut [N; F],
        p_bar: &mut N,
    ) -> [N; 2] {
        let density_bar =
            bar[0] + bar[1] * star + bar[2] * w[2] + bar[3] * w[3] + bar[F - 1] * self.energy;
        w_bar[2] = self.density.mul_add(bar[2], w_bar[2]);
        w_bar[3] = self.density.mul_add(bar[3], w_bar[3]);
        let energy_bar = self.density * bar[F - 1];
        let mut star_bar = self.density * bar[1];
        // e* = E/rho + (S* - v)(S* + P/a).
        let inverse = w[0].constant(1.0) / w[0];
        let specific = energy_bar * inverse;
        u_bar[F - 1] = u_bar[F - 1] + specific;
        w_bar[0] = w_bar[0] - specific * inverse * u[F - 1];
        let over = w[0].constant(1.0) / self.a;
        let ratio = p * over;
        let first_bar = energy_bar * (star + ratio);
        let second_bar = energy_bar * (star - w[1]);
        star_bar = star_bar + first_bar + second_bar;
        w_bar[1] = w_bar[1] - first_bar;
        *p_bar = second_bar.mul_add(over, *p_bar);
        // rho* = a / (S - S*).
        let a_bar = density_bar * self.gap - second_bar * ratio * over;
        let gap_bar = density_bar * self.density * self.gap;
        star_bar = star_bar + gap_bar;
        let s_bar = wave_vjp(w, s, a_bar, w_bar) - gap_bar;
        [s_bar, star_bar]
    }
}

/// Adjoint of `a = rho (s - v)`: returns the cotangent of `s`.
#[inline(always)]
fn wave_vjp<N: Num, const F: usize>(w: &[N; F], s: N, a_bar: N, w_bar: &mut [N; F]) -> N {
    w_bar[0] = a_bar.mul_add(s - w[1], w_bar[0]);
    let s_bar = a_bar * w[0];
    w_bar[1] = w_bar[1] - s_bar;
    s_bar
}

impl Riemann for HllcFlux {
    #[inline(always)]
    fn flux<N: Num, L: Law<F>, const F: usize>(c: N, l: &[N; F], r: &[N; F]) -> [N; F] {
        let zero = c.zero();
        if !L::ENERGY {
            let mut f = HllFlux::flux::<N, L, F>(c, l, r);
            let leftward = f[0].lt(zero);
            for i in 2..4 {
                f[i] = f[0] * N::select(leftward, r[i], l[i]);
            }
            return f;
        }
        let (left, right) = (Side::new::<L>(c, l), Side::new::<L>(c, r));
        let [slow, fast] = signals(l[1], left.sound, r[1], right.sound);
        let (al, ar) = (l[0] * (slow - l[1]), r[0] * (fast - r[1]));
        let star = (right.p - left.p + al * l[1] - ar * r[1]) / (al - ar);

        let of_right = star.lt(zero);
        let w = pick(of_right, r, l);
        let u = pick(of_right, &right.u, &left.u);
        let mut f = pick(of_right, &right.f, &left.f);
        let p = N::select(of_right, right.p, left.p);
        let s = N::select(of_right, fast, slow);
        let bounded = N::select(of_right, fast.max(zero), slow.min(zero));
        let between = Star::new(&w, &u, p, s, star);
        for i in 0..F {
            f[i] = bounded.mul_add(between.u[i] - u[i], f[i]);
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
        if !L::ENERGY {
            return isothermal_vjp::<N, L, F>(c, l, r, f_bar, c_bar);
        }
        let (left, right) = (Side::new::<L>(c, l), Side::new::<L>(c, r));
        let [slow, fast] = signals(l[1], left.sound, r[1], right.sound);
        let (al, ar) = (l[0] * (slow - l[1]), r[0] * (fast - r[1]));
        let inverse = c.constant(1.0) / (al - ar);
        let star = (right.p - left.p + al * l[1] - ar * r[1]) * inverse;

        let of_right = star.lt(zero);
        let w = pick(of_right, r, l);
        let u = pick(of_right, &right.u, &left.u);
        let p = N::select(of_right, right.p, left.p);
        let s = N::select(of_right, fast, slow);
        let bounded = N::select(of_right, fast.max(zero), slow.min(zero));
        let between = Star::new(&w, &u, p, s, star);

        // f = f_K + bounded (u* - u).
        let (mut w_bar, mut u_bar) = ([zero; F], [zero; F]);
        let (mut p_bar, mut bounded_bar) = (zero, zero);
        let mut between_bar = [zero; F];
        for i in 0..F {
            between_bar[i] = bounded * f_bar[i];
            u_bar[i] = -between_bar[i];
            bounded_bar = f_bar[i].mul_add(between.u[i] - u[i], bounded_bar);
        }
        let [s_bar, star_bar] = between.vjp(
            &w,
            &u,
            p,
            s,
            star,
            &between_bar,
            &mut w_bar,
            &mut u_bar,
            &mut p_bar,
        );
        // The bound cuts where the whole fan moves to one side.
        let cut = N::select(of_right, s, -s).lt(zero);
        let s_bar = s_bar + N::select(cut, zero, bounded_bar);

        // S* = n / (a_L - a_R).
        let n_bar = star_bar * inverse;
        let d_bar = -(n_bar * star);
        let (slow_bar, fast_bar) = (
            N::select(of_right, zero, s_bar),
            N::select(of_right, s_bar, zero),
        );
        let none = [zero; F];
        let mut l_bar = pick(of_right, &none, &w_bar);
        let mut r_bar = pick(of_right, &w_bar, &none);
        l_bar[1] = n_bar.mul_add(al, l_bar[1]);
        r_bar[1] = r_bar[1] - n_bar * ar;
        let slow_bar = slow_bar + wave_vjp(l, slow, n_bar * l[1] + d_bar, &mut l_bar);
        let fast_bar = fast_bar + wave_vjp(r, fast, -(n_bar * r[1] + d_bar), &mut r_bar);
        let [vl_bar, sl_bar, vr_bar, sr_bar] =
            signals_vjp(l[1], left.sound, r[1], right.sound, [slow_bar, fast_bar]);
        l_bar[1] = l_bar[1] + vl_bar;
        r_bar[1] = r_bar[1] + vr_bar;
        let pl_bar = N::select(of_right, zero, p_bar) - n_bar;
        let pr_bar = N::select(of_right, p_bar, zero) + n_bar;
        let (ul_bar, ur_bar) = (pick(of_right, &none, &u_bar), pick(of_right, &u_bar, &none));
        let (fl_bar, fr_bar) = (pick(of_right, &none, f_bar), pick(of_right, f_bar, &none));
        left.vjp::<L>(c, l, &ul_bar, &fl_bar, pl_bar, sl_bar, &mut l_bar, c_bar);
        right.vjp::<L>(c, r, &ur_bar, &fr_bar, pr_bar, sr_bar, &mut r_bar, c_bar);
        [l_bar, r_bar]
    }
}

/// Adjoint of the flux without an energy.
#[inline(always)]
fn isothermal_vjp<N: Num, L: Law<F>, const F: usize>(
    c: N,
    l: &[N; F],
    r: &[N; F],
    f_bar: &[N; F],
    c_bar: &mut N,
) -> [[N; F]; 2] {
    let zero = c.zero();
    let f = HllFlux::flux::<N, L, F>(c, l, r);
    let leftward = f[0].lt(zero);
    let mut hll_bar = *f_bar;
    for i in 2..4 {
        hll_bar[0] = f_bar[i].mul_add(N::select(leftward, r[i], l[i]), hll_bar[0]);
        hll_bar[i] = zero;
    }
    let [mut l_bar, mut r_bar] = HllFlux::flux_vjp::<N, L, F>(c, l, r, &hll_bar, c_bar);
    for i in 2..4 {
        let bar = f[0] * f_bar[i];
        l_bar[i] = l_bar[i] + N::select(leftward, zero, bar);
        r_bar[i] = r_bar[i] + N::select(leftward, bar, zero);
    }
    [l_bar, r_bar]
}
