//! Local Lax-Friedrichs.

use super::{Riemann, physical, physical_vjp};
use crate::lane::Num;
use crate::law::Law;

/// [`Flux::LaxFriedrichs`](super::Flux::LaxFriedrichs):
/// `F = F((u_L + u_R)/2) - C (u_R - u_L)/2` with `C = max(|v_L| + c_L, |v_R| + c_R)`.
#[derive(Clone, Copy)]
pub(crate) struct LaxFriedrichsFlux;

impl Riemann for LaxFriedrichsFlux {
    #[inline(always)]
    fn flux<N: Num, L: Law<F>, const F: usize>(c: N, l: &[N; F], r: &[N; F]) -> [N; F] {
        let half = c.constant(0.5);
        let (ul, ur) = (L::conserved(c, l), L::conserved(c, r));
        let mut u = ul;
        for i in 0..F {
            u[i] = (ul[i] + ur[i]) * half;
        }
        let w = L::primitive(c, &u);
        let mut f = physical::<N, L, F>(&w, &u, L::pressure(c, &w));
        let fastest = (L::sound(c, l) + l[1].abs()).max(L::sound(c, r) + r[1].abs());
        let fastest = fastest * half;
        for i in 0..F {
            f[i] = f[i] - fastest * (ur[i] - ul[i]);
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
        let (zero, half) = (c.zero(), c.constant(0.5));
        let (ul, ur) = (L::conserved(c, l), L::conserved(c, r));
        let mut u = ul;
        for i in 0..F {
            u[i] = (ul[i] + ur[i]) * half;
        }
        let w = L::primitive(c, &u);
        let (sl, sr) = (L::sound(c, l), L::sound(c, r));
        let (al, ar) = (sl + l[1].abs(), sr + r[1].abs());
        let from_right = al.lt(ar);
        let fastest = al.max(ar) * half;

        // The flux of the mean state.
        let (mut w_bar, mut u_bar) = ([zero; F], [zero; F]);
        let p = L::pressure(c, &w);
        let p_bar = physical_vjp::<N, L, F>(&w, &u, p, f_bar, &mut w_bar, &mut u_bar);
        L::normal_vjp(c, &w, [w_bar[1], p_bar], &mut u_bar, c_bar);
        // The jump.
        let mut fastest_bar = zero;
        let opposite = -fastest;
        let (mut ul_bar, mut ur_bar) = (u_bar, u_bar);
        for i in 0..F {
            let mean_bar = u_bar[i] * half;
            ul_bar[i] = fastest.mul_add(f_bar[i], mean_bar);
            ur_bar[i] = opposite.mul_add(f_bar[i], mean_bar);
            fastest_bar = f_bar[i].mul_add(ul[i] - ur[i], fastest_bar);
        }
        fastest_bar = fastest_bar * half;
        let al_bar = N::select(from_right, zero, fastest_bar);
        let ar_bar = N::select(from_right, fastest_bar, zero);
        [
            side::<N, L, F>(c, l, sl, al_bar, &ul_bar, c_bar),
            side::<N, L, F>(c, r, sr, ar_bar, &ur_bar, c_bar),
        ]
    }
}

/// The cotangent of one side's primitive state.
#[inline(always)]
fn side<N: Num, L: Law<F>, const F: usize>(
    c: N,
    w: &[N; F],
    sound: N,
    signal_bar: N,
    u_bar: &[N; F],
    c_bar: &mut N,
) -> [N; F] {
    let zero = c.zero();
    let mut w_bar = [zero; F];
    w_bar[1] = N::select(w[1].lt(zero), -signal_bar, signal_bar);
    L::sound_vjp(c, w, sound, signal_bar, &mut w_bar, c_bar);
    L::conserved_vjp(c, w, u_bar, &mut w_bar, c_bar);
    w_bar
}
