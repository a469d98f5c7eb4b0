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
    // Written out: a loop would keep its arrays in memory.
    advance::<_, L, F>(c, 0, h[0], w, &d[0], inverse, &mut out, &mut divergence);
    advance::<_, L, F>(c, 1, h[1], w, &d[1], inverse, &mut out, &mut divergence);
    advance::<_, L, F>(c, 2, h[2], w, &d[2], inverse, &mut out, &mut divergence);
    out[0] = out[0] - w[0] * divergence;
    if L::ENERGY {
        out[F - 1] = out[F - 1] - c * w[F - 1] * divergence;
    }
    out
}

/// What the differences along axis `j` change, and their share of the divergence.
#[inline(always)]
fn advance<N: Num, L: Law<F>, const F: usize>(
    c: N,
    j: usize,
    h: N,
    w: &[N; F],
    d: &[N; F],
    inverse: N,
    out: &mut [N; F],
    divergence: &mut N,
) {
    let courant = h * w[1 + j];
    for f in 0..F {
        out[f] = out[f] - courant * d[f];
    }
    *divergence = h.mul_add(d[1 + j], *divergence);
    out[1 + j] = out[1 + j] - h * L::force(c, w, d, inverse);
}

/// Adjoint of [`predict`], one axis at a time, so that few numbers are in hand at once.
pub(crate) struct PredictVjp<'a, N, const F: usize> {
    c: N,
    w: &'a [N; F],
    bar: &'a [N; F],
    inverse: N,
    divergence: N,
    divergence_bar: N,
    /// The cotangent of the state so far; others may add to it.
    pub(crate) w_bar: [N; F],
    /// That of the parameter.
    pub(crate) c_bar: N,
}

impl<'a, N: Num, const F: usize> PredictVjp<'a, N, F> {
    #[inline(always)]
    pub(crate) fn new<L: Law<F>>(c: N, w: &'a [N; F], bar: &'a [N; F]) -> Self {
        let mut divergence_bar = -(bar[0] * w[0]);
        if L::ENERGY {
            divergence_bar = divergence_bar - bar[F - 1] * c * w[F - 1];
        }
        Self {
            c,
            w,
            bar,
            inverse: c.constant(1.0) / w[0],
            divergence: c.zero(),
            divergence_bar,
            w_bar: *bar,
            c_bar: c.zero(),
        }
    }

    /// Adds to the cotangents of the differences along axis `j`.
    #[inline(always)]
    pub(crate) fn axis<L: Law<F>>(&mut self, j: usize, h: N, d: &[N; F], d_bar: &mut [N; F]) {
        let Self { c, w, bar, .. } = *self;
        let back = -h;
        let courant = back * w[1 + j];
        let mut courant_bar = c.zero();
        for f in 0..F {
            courant_bar = bar[f].mul_add(d[f], courant_bar);
            d_bar[f] = courant.mul_add(bar[f], d_bar[f]);
        }
        self.w_bar[1 + j] = back.mul_add(courant_bar, self.w_bar[1 + j]);
        self.divergence = h.mul_add(d[1 + j], self.divergence);
        d_bar[1 + j] = h.mul_add(self.divergence_bar, d_bar[1 + j]);
        let force_bar = back * bar[1 + j];
        let (w_bar, c_bar) = (&mut self.w_bar, &mut self.c_bar);
        L::force_vjp(c, w, d, self.inverse, force_bar, w_bar, d_bar, c_bar);
    }

    /// After all axes: the cotangents of the state and of the parameter.
    #[inline(always)]
    pub(crate) fn finish<L: Law<F>>(mut self) -> ([N; F], N) {
        let Self { c, w, bar, .. } = self;
        self.w_bar[0] = self.w_bar[0] - bar[0] * self.divergence;
        if L::ENERGY {
            let bar = bar[F - 1] * self.divergence;
            self.w_bar[F - 1] = self.w_bar[F - 1] - c * bar;
            self.c_bar = self.c_bar - bar * w[F - 1];
        }
        (self.w_bar, self.c_bar)
    }
}
