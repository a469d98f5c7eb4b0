//! The kick and its adjoints, cell by cell.
//!
//! With the wave psi and the real potential V,
//!
//! ```text
//! psi' = exp(-i phi) psi,   phi = A (V + V_si(rho)),   A = (m/hbar) dt,
//! rho = |psi|^2 = |psi'|^2, V_si = c1 rho + c2 rho^2
//! ```
//!
//! Let y' be the cotangent of psi' under Re<., .>. Then dpsi' = exp(-i phi) dpsi - i psi' dphi,
//! and with y = exp(i phi) y' the adjoint is
//!
//! ```text
//! phi_bar = Re(conj(y') (-i psi')) = Im(conj(y') psi') = Im(conj(y) psi)
//! V_bar   = A phi_bar
//! psi_bar = y + 2 psi A V_si'(rho) phi_bar
//! ```
//!
//! The boson mass enters through A, in proportion, and through c1 = C g/m^2; c2 goes with c1^2,
//! c2 = K c1^2. With u = c1 rho, V_si = u + K u^2, and s = dV_si/du = 1 + 2 K u:
//!
//! ```text
//! m_bar = sum phi_bar dphi/dm = (A/m) (sum phi_bar (V + V_si) - 2 c1 sum phi_bar rho s)
//! g_bar = sum phi_bar dphi/dg = A (C/m^2) sum phi_bar rho s
//! ```

use std::array;

use adastra_core::Real;
use num_complex::Complex;

use crate::WaveParams;
use crate::phase::{quarter_turns, vectorized};

/// The numbers of one kick, computed in f64.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kick<T> {
    /// (2/pi) A: quarter turns per potential.
    turns: T,
    /// A = (m/hbar) dt.
    a: T,
    c1: T,
    c2: T,
    /// 2 K c1.
    slope: T,
    interacts: bool,
}

/// The sums of a kick's adjoint, from which follow those of the parameters.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    /// sum phi_bar (V + V_si).
    potential: f64,
    /// sum phi_bar rho s.
    interaction: f64,
}

impl Sums {
    pub(crate) fn add(&mut self, other: Self) {
        self.potential += other.potential;
        self.interaction += other.interaction;
    }

    /// Adds m_bar and g_bar of the header of this module to `p_bar`.
    pub(crate) fn add_to<T: Real>(&self, p: &WaveParams<T>, dt: f64, p_bar: &mut WaveParams<T>) {
        let a = p.m_per_hbar() * dt;
        let interaction = p.interaction();
        let m_bar = a / p.mass.f64() * (self.potential - 2.0 * interaction.c1 * self.interaction);
        p_bar.mass += T::of(m_bar);
        p_bar.coupling += T::of(a * interaction.c1_by_coupling * self.interaction);
    }
}

/// A wave function whose kick is pulled back: as it was before (`&Complex`), or kicked and to be
/// undone (`&mut Complex`).
trait Wavefunction<T> {
    fn now(&self) -> Complex<T>;
    /// The value before the kick, given exp(i phi).
    fn before(self, undo: Complex<T>) -> Complex<T>;
}

impl<T: Real> Wavefunction<T> for &Complex<T> {
    #[inline(always)]
    fn now(&self) -> Complex<T> {
        **self
    }
    #[inline(always)]
    fn before(self, _: Complex<T>) -> Complex<T> {
        *self
    }
}

impl<T: Real> Wavefunction<T> for &mut Complex<T> {
    #[inline(always)]
    fn now(&self) -> Complex<T> {
        **self
    }
    #[inline(always)]
    fn before(self, undo: Complex<T>) -> Complex<T> {
        *self = times(*self, undo);
        *self
    }
}

/// The product, without the checks for infinities of the operator `*`'s generic form.
#[inline(always)]
pub(crate) fn times<T: Real>(a: Complex<T>, b: Complex<T>) -> Complex<T> {
    Complex::new(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)
}

#[inline(always)]
pub(crate) fn density<T: Real>(z: Complex<T>) -> T {
    z.re * z.re + z.im * z.im
}

/// The larger of two numbers, or NaN if one is, which `max` would drop.
#[inline(always)]
pub(crate) fn larger<T: Real>(a: T, b: T) -> T {
    if b > a || b.is_nan() { b } else { a }
}

/// Cells between two folds of the sums; their intermediate results stay in the first cache.
const CHUNK: usize = 256;
/// Partial sums side by side, so that they fill vector registers.
const LANES: usize = 8;

impl<T: Real> Kick<T> {
    pub(crate) fn new(p: &WaveParams<T>, dt: f64) -> Self {
        let a = p.m_per_hbar() * dt;
        let interaction = p.interaction();
        Self {
            turns: T::of(std::f64::consts::FRAC_2_PI * a),
            a: T::of(a),
            c1: T::of(interaction.c1),
            c2: T::of(interaction.c2),
            slope: T::of(interaction.slope()),
            interacts: interaction.c1 != 0.0,
        }
    }

    /// V + V_si(rho).
    #[inline(always)]
    fn potential(&self, v: T, rho: T) -> T {
        v + rho * (self.c1 + self.c2 * rho)
    }

    /// Kicks `psi` in the potential `v`.
    pub(crate) fn kick(&self, psi: &mut [Complex<T>], v: &[T]) {
        vectorized(
            #[inline(always)]
            || {
                let cells = psi.iter_mut().zip(v);
                if self.interacts {
                    for (psi, &v) in cells {
                        let v = self.potential(v, density(*psi));
                        *psi = times(*psi, quarter_turns(-self.turns * v));
                    }
                } else {
                    for (psi, &v) in cells {
                        *psi = times(*psi, quarter_turns(-self.turns * v));
                    }
                }
            },
        );
    }

    /// The largest |V + V_si|; NaN where there is one.
    pub(crate) fn largest(&self, psi: &[Complex<T>], v: &[T]) -> T {
        vectorized(
            #[inline(always)]
            || {
                let mut most = [T::zero(); 2 * LANES];
                let (rows, rest) = psi.as_chunks::<{ 2 * LANES }>();
                let (v_rows, v_rest) = v.as_chunks::<{ 2 * LANES }>();
                for (psi, v) in rows.iter().zip(v_rows) {
                    for lane in 0..2 * LANES {
                        let v = self.potential(v[lane], density(psi[lane]));
                        most[lane] = larger(most[lane], v.abs());
                    }
                }
                let rest = rest.iter().zip(v_rest);
                let rest = rest.map(|(&psi, &v)| self.potential(v, density(psi)).abs());
                rest.chain(most).fold(T::zero(), larger)
            },
        )
    }

    /// Pulls `psi_bar` back through the kick of `psi` (its value before), and adds to `v_bar`.
    pub(crate) fn pull_back(
        &self,
        psi: &[Complex<T>],
        v: &[T],
        psi_bar: &mut [Complex<T>],
        v_bar: &mut [T],
    ) -> Sums {
        let mut sums = [[0.0; LANES]; 2];
        let cells = psi.chunks(CHUNK).zip(v.chunks(CHUNK));
        let bars = psi_bar.chunks_mut(CHUNK).zip(v_bar.chunks_mut(CHUNK));
        vectorized(
            #[inline(always)]
            || {
                for ((psi, v), (psi_bar, v_bar)) in cells.zip(bars) {
                    self.chunk(psi.iter(), v, psi_bar, v_bar, &mut sums);
                }
            },
        );
        fold(sums)
    }

    /// As [`Kick::pull_back`] for a kicked `psi`, which it undoes with the same sine and cosine.
    pub(crate) fn undo_and_pull_back(
        &self,
        psi: &mut [Complex<T>],
        v: &[T],
        psi_bar: &mut [Complex<T>],
        v_bar: &mut [T],
    ) -> Sums {
        let mut sums = [[0.0; LANES]; 2];
        let cells = psi.chunks_mut(CHUNK).zip(v.chunks(CHUNK));
        let bars = psi_bar.chunks_mut(CHUNK).zip(v_bar.chunks_mut(CHUNK));
        vectorized(
            #[inline(always)]
            || {
                for ((psi, v), (psi_bar, v_bar)) in cells.zip(bars) {
                    self.chunk(psi.iter_mut(), v, psi_bar, v_bar, &mut sums);
                }
            },
        );
        fold(sums)
    }

    /// One chunk of at most [`CHUNK`] cells: first all that goes on lanes without a sum, then
    /// the sums.
    #[inline(always)]
    fn chunk<P: Wavefunction<T>>(
        &self,
        psi: impl Iterator<Item = P>,
        v: &[T],
        psi_bar: &mut [Complex<T>],
        v_bar: &mut [T],
        sums: &mut [[f64; LANES]; 2],
    ) {
        let mut phi_bars = [T::zero(); CHUNK];
        let mut rhos = [T::zero(); CHUNK];
        let mut potentials = [T::zero(); CHUNK];
        let found = phi_bars.iter_mut().zip(&mut rhos).zip(&mut potentials);
        let bars = psi_bar.iter_mut().zip(v_bar);
        for (((psi, &v), (y, v_bar)), ((phi_bar, rho), potential)) in
            psi.zip(v).zip(bars).zip(found)
        {
            *rho = density(psi.now());
            *potential = self.potential(v, *rho);
            let undo = quarter_turns(self.turns * *potential);
            let psi = psi.before(undo);
            *y = times(*y, undo);
            *phi_bar = psi.im * y.re - psi.re * y.im;
            *v_bar += self.a * *phi_bar;
            // 2 A V_si'(rho) phi_bar, with V_si' = c1 s.
            let s = T::one() + self.slope * *rho;
            let rho_bar = (self.a + self.a) * self.c1 * s * *phi_bar;
            *y = Complex::new(y.re + rho_bar * psi.re, y.im + rho_bar * psi.im);
        }
        // Beyond the last cell phi_bar is zero.
        let mut parts = [[0.0; LANES]; 2];
        for row in 0..CHUNK / LANES {
            for lane in 0..LANES {
                let cell = row * LANES + lane;
                let s = T::one() + self.slope * rhos[cell];
                let phi_bar = phi_bars[cell].f64();
                parts[0][lane] += phi_bar * potentials[cell].f64();
                parts[1][lane] += phi_bar * (rhos[cell] * s).f64();
            }
        }
        for (sums, parts) in sums.iter_mut().zip(parts) {
            sums.iter_mut()
                .zip(parts)
                .for_each(|(sum, part)| *sum += part);
        }
    }

    /// dpsi' of a kick of `psi` in `v`, in place in `dpsi`; `psi` is kicked too.
    pub(crate) fn push_forward(
        &self,
        psi: &mut [Complex<T>],
        dpsi: &mut [Complex<T>],
        v: &[T],
        dv: &[T],
        d: &KickTangent<T>,
    ) {
        for (((psi, dpsi), &v), &dv) in psi.iter_mut().zip(dpsi).zip(v).zip(dv) {
            let rho = density(*psi);
            let v = self.potential(v, rho);
            let s = T::one() + self.slope * rho;
            let drho = (psi.re * dpsi.re + psi.im * dpsi.im) * T::of(2.0);
            let dphi = self.a * (dv + self.c1 * s * drho) + d.by_potential * v + d.by_u * rho * s;
            let turn = quarter_turns(-self.turns * v);
            *psi = times(*psi, turn);
            // dpsi' = exp(-i phi) dpsi - i psi' dphi
            *dpsi = times(*dpsi, turn);
            *dpsi = Complex::new(dpsi.re + psi.im * dphi, dpsi.im - psi.re * dphi);
        }
    }
}

/// How the phase moves with the parameters: dphi = by_potential (V + V_si) + by_u rho s.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KickTangent<T> {
    by_potential: T,
    by_u: T,
}

impl<T: Real> KickTangent<T> {
    pub(crate) fn new(p: &WaveParams<T>, dp: &WaveParams<T>, dt: f64) -> Self {
        let a = p.m_per_hbar() * dt;
        let interaction = p.interaction();
        let dm = dp.mass.f64() / p.mass.f64();
        let du = interaction.c1_by_coupling * dp.coupling.f64() - 2.0 * interaction.c1 * dm;
        Self {
            by_potential: T::of(a * dm),
            by_u: T::of(a * du),
        }
    }
}

/// Adds up the lanes, pairwise.
fn fold(sums: [[f64; LANES]; 2]) -> Sums {
    let [potential, interaction] = sums.map(|lanes| {
        let halves: [f64; LANES / 2] = array::from_fn(|i| lanes[i] + lanes[i + LANES / 2]);
        (halves[0] + halves[2]) + (halves[1] + halves[3])
    });
    Sums {
        potential,
        interaction,
    }
}
