//! Fluxes through a face between two states, and their adjoints.
//!
//! States are primitive, with the velocity across the face first: `(rho, v_n, v_t, v_t'[, P])`.
//! A flux has a kink where its fastest wave changes (equal speeds on both sides), where a wave
//! speed passes zero, and where the contact does; derivatives there are those of the side that
//! the comparison in the code picks.

mod hll;
mod hllc;
mod lax_friedrichs;

pub(crate) use hll::HllFlux;
pub(crate) use hllc::HllcFlux;
pub(crate) use lax_friedrichs::LaxFriedrichsFlux;

use crate::lane::Num;
use crate::law::Law;

/// The flux between two cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flux {
    /// Local Lax-Friedrichs (Rusanov 1961) as in Jaxion 0.0.13: the flux of the mean of the two
    /// conserved states, less half the jump times the fastest signal.
    LaxFriedrichs,
    /// Harten, Lax & van Leer (1983) with the wave speeds of Davis (1988).
    Hll,
    /// HLL with the contact restored (Toro, Spruce & Speares 1994); in an isothermal gas the
    /// contact carries the tangential momentum alone (as in Mignone 2007).
    Hllc,
}

impl Flux {
    /// All fluxes.
    pub const ALL: [Self; 3] = [Self::LaxFriedrichs, Self::Hll, Self::Hllc];

    /// The name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::LaxFriedrichs => "lax-friedrichs",
            Self::Hll => "hll",
            Self::Hllc => "hllc",
        }
    }
}

/// A flux as code.
pub(crate) trait Riemann: Copy + Send + Sync {
    /// The flux from the states left and right of the face.
    fn flux<N: Num, L: Law<F>, const F: usize>(c: N, l: &[N; F], r: &[N; F]) -> [N; F];

    /// The cotangents of both states; adds to that of the parameter.
    fn flux_vjp<N: Num, L: Law<F>, const F: usize>(
        c: N,
        l: &[N; F],
        r: &[N; F],
        f_bar: &[N; F],
        c_bar: &mut N,
    ) -> [[N; F]; 2];
}

/// The flux of one state: `F = v_n u + P (0, 1, 0, 0[, v_n])`.
#[inline(always)]
fn physical<N: Num, L: Law<F>, const F: usize>(w: &[N; F], u: &[N; F], p: N) -> [N; F] {
    let mut f = *u;
    for i in 0..F {
        f[i] = u[i] * w[1];
    }
    f[1] = f[1] + p;
    if L::ENERGY {
        f[F - 1] = p.mul_add(w[1], f[F - 1]);
    }
    f
}

/// Adjoint of [`physical`] with `u` of `w`: adds to the cotangents of `w` and `u`; returns that of
/// the pressure.
#[inline(always)]
fn physical_vjp<N: Num, L: Law<F>, const F: usize>(
    w: &[N; F],
    u: &[N; F],
    p: N,
    f_bar: &[N; F],
    w_bar: &mut [N; F],
    u_bar: &mut [N; F],
) -> N {
    let mut v_bar = w_bar[1];
    for i in 0..F {
        v_bar = f_bar[i].mul_add(u[i], v_bar);
        u_bar[i] = f_bar[i].mul_add(w[1], u_bar[i]);
    }
    let mut p_bar = f_bar[1];
    if L::ENERGY {
        v_bar = f_bar[F - 1].mul_add(p, v_bar);
        p_bar = f_bar[F - 1].mul_add(w[1], p_bar);
    }
    w_bar[1] = v_bar;
    p_bar
}
