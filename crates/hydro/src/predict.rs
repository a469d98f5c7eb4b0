//! The half step of the primitive variables in a cell.
//!
//! With undivided limited differences `D_j` along axis j and `h_j = dt / (2 dx_j)`,
//!
//! ```text
//! rho' = rho - sum_j h_j v_j D_j rho - rho sum_j h_j D_j v_j
//! v_i' = v_i - sum_j h_j v_j D_j v_i - h_i D_i P / rho
//! P'   = P   - sum_j h_j v_j D_j P   - gamma P sum_j h_j D_j v_j
//! ```
//!
//! and the states at the faces are `w' +- D_j / 2` (Hancock; van Leer 1984).

use crate::lane::Num;
use crate::law::Law;

/// The predicted state, from a state and its limited differences along x, y and z.
#[inline(always)]
pub(crate) fn predict<N: Num, L: Law<F>, const F: usize>(
    c: N,
    h: [N; 3],
    w: &[N; F],
    d: &[[N; F]; 3],
) -> [N; F] {
    let inverse = c.constant(1.0) / w[0];
    let mut out = *w;
    let mut divergence = c.zero();
    for j in 0..3 {
        let courant = h[j] * w[1 + j];
        for f in 0..F {
            out[f] = out[f] - courant * d[j][f];
        }
        divergence = h[j].mul_add(d[j][1 + j], divergence);
        out[1 + j] = out[1 + j] - h[j] * L::force(c, w, &d[j], inverse);
    }
    out[0] = out[0] - w[0] * divergence;
    if L::ENERGY {
        out[F - 1] = out[F - 1] - c * w[F - 1] * divergence;
    }
    out
}

/// Adjoint of [`predict`]: the cotangent of the state; adds to those of the differences.
#[inline(always)]
pub(crate) fn predict_vjp<N: Num, L: Law<F>, const F: usize>(
    c: N,
    h: [N; 3],
    w: &[N; F],
    d: &[[N; F]; 3],
    bar: &[N; F],
    d_bar: &mut [[N; F]; 3],
    c_bar: &mut N,
) -> [N; F] {
    let zero = c.zero();
    let inverse = c.constant(1.0) / w[0];
    let mut w_bar = *bar;
    let mut divergence = zero;
    let mut divergence_bar = -(bar[0] * w[0]);
    if L::ENERGY {
        divergence_bar = divergence_bar - bar[F - 1] * c * w[F - 1];
    }
    for j in 0..3 {
        let courant = h[j] * w[1 + j];
        let mut courant_bar = zero;
        for f in 0..F {
            courant_bar = bar[f].mul_add(d[j][f], courant_bar);
            d_bar[j][f] = d_bar[j][f] - courant * bar[f];
        }
        w_bar[1 + j] = w_bar[1 + j] - h[j] * courant_bar;
        divergence = h[j].mul_add(d[j][1 + j], divergence);
        d_bar[j][1 + j] = h[j].mul_add(divergence_bar, d_bar[j][1 + j]);
        let force_bar = -(h[j] * bar[1 + j]);
        L::force_vjp(
            c,
            w,
            &d[j],
            inverse,
            force_bar,
            &mut w_bar,
            &mut d_bar[j],
            c_bar,
        );
    }
    w_bar[0] = w_bar[0] - bar[0] * divergence;
    if L::ENERGY {
        let bar = bar[F - 1] * divergence;
        w_bar[F - 1] = w_bar[F - 1] - c * bar;
        *c_bar = *c_bar - bar * w[F - 1];
    }
    w_bar
}
