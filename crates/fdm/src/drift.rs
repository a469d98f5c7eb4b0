//! The drift and its adjoints, mode by mode.
//!
//! ```text
//! psi_k' = exp(-i theta_k) psi_k,   theta_k = k^2 dt / (2 m/hbar)
//! ```
//!
//! The phase is a sum over axes, so its exponential is a product of three tables, of nx + ny + nz
//! sines and cosines. The map is unitary: its adjoint is its inverse.
//!
//! With y' the cotangent of psi', Parseval's theorem over N modes and
//! dpsi_k' = -i psi_k' dtheta_k = i psi_k' theta_k dm/m give the gradient of the boson mass:
//!
//! ```text
//! m_bar = 1/(N m) sum_k theta_k Re(conj(y_k') i psi_k') = -1/(N m) sum_k theta_k Im(conj(y_k') psi_k')
//! ```
//!
//! A common phase of psi_k' and y_k' drops out, so it does not matter whether the sum is taken
//! before or after the pair is turned back.

use adastra_core::Real;
use adastra_grid::{Accumulate, Mesh, Modes, Multiplier, Run};
use num_complex::Complex;

use crate::WaveParams;

/// exp(-i theta) of one drift, and theta, as tables along the axes.
pub(crate) struct Drift<T> {
    /// Real and imaginary part, in f64: where two axes meet, the product is rounded once.
    phases: [Vec<Complex<f64>>; 3],
    /// The same in T, apart, for the axis that runs along vector lanes.
    re: [Vec<T>; 3],
    im: [Vec<T>; 3],
    theta: [Vec<f64>; 3],
    /// -1/(N m).
    mass_factor: f64,
}

impl<T: Real> Drift<T> {
    pub(crate) fn new(mesh: &Mesh, p: &WaveParams<T>, dt: f64) -> Self {
        let half = 0.5 * dt / p.m_per_hbar();
        let theta = [0, 1, 2].map(|axis| {
            mesh.wavenumbers(axis)
                .into_iter()
                .map(|k| half * k * k)
                .collect::<Vec<f64>>()
        });
        let phases = theta.each_ref().map(|theta| {
            theta
                .iter()
                .map(|&theta| Complex::from_polar(1.0, -theta))
                .collect::<Vec<_>>()
        });
        let part = |part: fn(&Complex<f64>) -> f64| {
            phases
                .each_ref()
                .map(|phases| phases.iter().map(|z| T::of(part(z))).collect())
        };
        let (re, im) = (part(|z| z.re), part(|z| z.im));
        let mass_factor = -1.0 / (mesh.len() as f64 * p.mass.f64());
        Self {
            phases,
            re,
            im,
            theta,
            mass_factor,
        }
    }

    /// m_bar of the sum that [`PullBack`] or [`UndoAndPullBack`] returned.
    pub(crate) fn mass_bar(&self, sum: ThetaSum) -> T {
        T::of(self.mass_factor * sum.total())
    }

    /// The phase factors of a run: of its two fixed axes, and along it.
    #[inline(always)]
    fn factors(&self, run: Run) -> (Complex<T>, &[T], &[T]) {
        let [a, b] = others(run.axis);
        let fixed = self.phases[a][run.at[a]] * self.phases[b][run.at[b]];
        let fixed = Complex::new(T::of(fixed.re), T::of(fixed.im));
        (
            fixed,
            run.along(&self.re[run.axis]),
            run.along(&self.im[run.axis]),
        )
    }

    /// Multiplies the amplitudes by exp(-i theta), or by its conjugate.
    #[inline(always)]
    fn turn(&self, run: Run, modes: &mut Modes<'_, T>, back: bool) {
        let (fixed, re, im) = self.factors(run);
        let sign = if back { -T::one() } else { T::one() };
        let cells = modes
            .re
            .iter_mut()
            .zip(modes.im.iter_mut())
            .zip(re.iter().zip(im));
        for ((x, y), (&re, &im)) in cells {
            let c = fixed.re * re - fixed.im * im;
            let s = (fixed.re * im + fixed.im * re) * sign;
            (*x, *y) = (*x * c - *y * s, *x * s + *y * c);
        }
    }

    /// Adds theta_k Im(conj(y_k) psi_k) of a run to `sum`.
    #[inline(always)]
    fn add_theta(&self, run: Run, psi: &Modes<'_, T>, y: &Modes<'_, T>, sum: &mut ThetaSum) {
        let [a, b] = others(run.axis);
        let fixed = self.theta[a][run.at[a]] + self.theta[b][run.at[b]];
        let theta = run.along(&self.theta[run.axis]);
        // Whole rows of lanes, so that the loops have a length that the compiler knows.
        let (thetas, theta_rest) = theta.as_chunks::<LANES>();
        let (x, x_rest) = psi.re.as_chunks::<LANES>();
        let (z, z_rest) = psi.im.as_chunks::<LANES>();
        let (u, u_rest) = y.re.as_chunks::<LANES>();
        let (v, v_rest) = y.im.as_chunks::<LANES>();
        let rows = thetas.iter().zip(x.iter().zip(z)).zip(u.iter().zip(v));
        for ((theta, (x, z)), (u, v)) in rows {
            for lane in 0..LANES {
                let product = u[lane].f64() * z[lane].f64() - v[lane].f64() * x[lane].f64();
                sum.0[lane] += (fixed + theta[lane]) * product;
            }
        }
        let psi = x_rest.iter().zip(z_rest);
        let rest = theta_rest.iter().zip(psi).zip(u_rest.iter().zip(v_rest));
        for (sum, ((theta, (x, z)), (u, v))) in sum.0.iter_mut().zip(rest) {
            *sum += (fixed + theta) * (u.f64() * z.f64() - v.f64() * x.f64());
        }
    }
}

fn others(axis: usize) -> [usize; 2] {
    match axis {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    }
}

/// Partial sums side by side, so that they fill vector registers.
const LANES: usize = 8;

/// sum_k theta_k Im(conj(y_k) psi_k), in lanes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ThetaSum([f64; LANES]);

impl ThetaSum {
    fn total(self) -> f64 {
        self.0.iter().sum()
    }
}

impl Accumulate for ThetaSum {
    #[inline(always)]
    fn add(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
    }
}

/// psi drifts.
impl<T: Real> Multiplier<T, 1> for Drift<T> {
    type Sum = ();
    #[inline(always)]
    fn multiply(&self, run: Run, [mut psi]: [Modes<'_, T>; 1], (): &mut ()) {
        self.turn(run, &mut psi, false);
    }
}

/// The drifted psi and its cotangent y drift back together.
pub(crate) struct UndoAndPullBack<'a, T>(pub(crate) &'a Drift<T>);

impl<T: Real> Multiplier<T, 2> for UndoAndPullBack<'_, T> {
    type Sum = ThetaSum;
    #[inline(always)]
    fn multiply(&self, run: Run, [mut psi, mut y]: [Modes<'_, T>; 2], sum: &mut ThetaSum) {
        self.0.add_theta(run, &psi, &y, sum);
        self.0.turn(run, &mut psi, true);
        self.0.turn(run, &mut y, true);
    }
}

/// The cotangent y drifts back; psi, the wave before the drift, gives the mass gradient.
pub(crate) struct PullBack<'a, T>(pub(crate) &'a Drift<T>);

impl<T: Real> Multiplier<T, 2> for PullBack<'_, T> {
    type Sum = ThetaSum;
    fn outputs(&self) -> usize {
        1
    }
    #[inline(always)]
    fn multiply(&self, run: Run, [mut y, psi]: [Modes<'_, T>; 2], sum: &mut ThetaSum) {
        self.0.turn(run, &mut y, true);
        self.0.add_theta(run, &psi, &y, sum);
    }
}

/// psi and a tangent drift together: dpsi_k' = exp(-i theta_k) (dpsi_k + i theta_k dm/m psi_k).
pub(crate) struct PushForward<'a, T> {
    pub(crate) drift: &'a Drift<T>,
    /// dm/m.
    pub(crate) dm: f64,
}

impl<T: Real> Multiplier<T, 2> for PushForward<'_, T> {
    type Sum = ();
    #[inline(always)]
    fn multiply(&self, run: Run, [mut psi, mut dpsi]: [Modes<'_, T>; 2], (): &mut ()) {
        let [a, b] = others(run.axis);
        let fixed = self.drift.theta[a][run.at[a]] + self.drift.theta[b][run.at[b]];
        let theta = run.along(&self.drift.theta[run.axis]);
        for (i, theta) in theta.iter().enumerate() {
            let dtheta = T::of((fixed + theta) * self.dm);
            dpsi.re[i] -= dtheta * psi.im[i];
            dpsi.im[i] += dtheta * psi.re[i];
        }
        self.drift.turn(run, &mut psi, false);
        self.drift.turn(run, &mut dpsi, false);
    }
}
