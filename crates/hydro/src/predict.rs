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
    let push = L::stiffness(c) * (c.constant(1.0) / w[0]);
    let mut out = *w;
    let mut divergence = c.zero();
    // Written out: a loop would keep its arrays in memory.
    advance::<_, L, F>(0, h[0], w, &d[0], push, &mut out, &mut divergence);
    advance::<_, L, F>(1, h[1], w, &d[1], push, &mut out, &mut divergence);
    advance::<_, L, F>(2, h[2], w, &d[2], push, &mut out, &mut divergence);
    out[0] = out[0] - w[0] * divergence;
    if L::ENERGY {
        out[F - 1] = out[F - 1] - c * w[F - 1] * divergence;
    }
    out
}

/// What the differences along axis `j` change, and their share of the divergence.
#[inline(always)]
fn advance<N: Num, L: Law<F>, const F: usize>(
    j: usize,
    h: N,
    w: &[N; F],
    d: &[N; F],
    push: N,
    out: &mut [N; F],
    divergence: &mut N,
) {
    let courant = h * w[1 + j];
    for f in 0..F {
        out[f] = out[f] - courant * d[f];
    }
    *divergence = h.mul_add(d[1 + j], *divergence);
    out[1 + j] = out[1 + j] - h * (push * d[L::CARRIER]);
}

/// Adjoint of [`predict`], one axis at a time, so that few numbers are in hand at once.
pub(crate) struct PredictVjp<'a, N, const F: usize> {
    c: N,
    w: &'a [N; F],
    bar: &'a [N; F],
    inverse: N,
    /// Pressure over its carrier, over density.
    push: N,
    divergence: N,
    divergence_bar: N,
    /// The cotangent of the push.
    push_bar: N,
    /// The cotangent of the state so far; others may add to it.
    pub(crate) w_bar: [N; F],
}

impl<'a, N: Num, const F: usize> PredictVjp<'a, N, F> {
    #[inline(always)]
    pub(crate) fn new<L: Law<F>>(c: N, w: &'a [N; F], bar: &'a [N; F]) -> Self {
        let mut divergence_bar = -(bar[0] * w[0]);
        if L::ENERGY {
            divergence_bar = divergence_bar - bar[F - 1] * c * w[F - 1];
        }
        let inverse = c.constant(1.0) / w[0];
        Self {
            c,
            w,
            bar,
            inverse,
            push: L::stiffness(c) * inverse,
            divergence: c.zero(),
            divergence_bar,
            push_bar: c.zero(),
            w_bar: *bar,
        }
    }

    /// Adds to the cotangents of the differences along axis `j`, whatever these are.
    #[inline(always)]
    pub(crate) fn differences_bar<L: Law<F>>(&self, j: usize, h: N, d_bar: &mut [N; F]) {
        let back = -h;
        let courant = back * self.w[1 + j];
        for f in 0..F {
            d_bar[f] = courant.mul_add(self.bar[f], d_bar[f]);
        }
        d_bar[1 + j] = h.mul_add(self.divergence_bar, d_bar[1 + j]);
        let force_bar = back * self.bar[1 + j];
        d_bar[L::CARRIER] = self.push.mul_add(force_bar, d_bar[L::CARRIER]);
    }

    /// Takes up the differences along axis `j`.
    #[inline(always)]
    pub(crate) fn differences<L: Law<F>>(&mut self, j: usize, h: N, d: &[N; F]) {
        let back = -h;
        let mut courant_bar = self.bar[0] * d[0];
        for f in 1..F {
            courant_bar = self.bar[f].mul_add(d[f], courant_bar);
        }
        self.w_bar[1 + j] = back.mul_add(courant_bar, self.w_bar[1 + j]);
        self.divergence = h.mul_add(d[1 + j], self.divergence);
        let force_bar = back * self.bar[1 + j];
        self.push_bar = force_bar.mul_add(d[L::CARRIER], self.push_bar);
    }

    /// After all axes: the cotangents of the state and of the parameter.
    #[inline(always)]
    pub(crate) fn finish<L: Law<F>>(mut self) -> ([N; F], N) {
        let Self { c, w, bar, .. } = self;
        let mut c_bar = c.zero();
        let of_push = self.push_bar * self.inverse;
        L::stiffness_vjp(c, of_push, &mut c_bar);
        self.w_bar[0] = self.w_bar[0] - self.push * of_push - bar[0] * self.divergence;
        if L::ENERGY {
            let bar = bar[F - 1] * self.divergence;
            self.w_bar[F - 1] = self.w_bar[F - 1] - c * bar;
            c_bar = c_bar - bar * w[F - 1];
        }
        (self.w_bar, c_bar)
    }
}
