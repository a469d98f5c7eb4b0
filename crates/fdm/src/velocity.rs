//! The velocity of a wave: the gradient of its phase.

use std::f64::consts::{PI, TAU};

use adastra_core::{Real, Result};
use ndarray::Array3;
use rayon::prelude::*;

use crate::field::cells;
use crate::{Wave, WaveParams, WaveState};

/// The difference of two phases, in (-pi, pi].
fn unwound<T: Real>(difference: T) -> T {
    let (pi, turn) = (T::of(PI), T::of(TAU));
    if difference > pi {
        difference - turn
    } else if difference <= -pi {
        difference + turn
    } else {
        difference
    }
}

impl<T: Real> Wave<T> {
    /// The velocity v = (hbar/m) grad S of psi = sqrt(rho) exp(i S), in km/s, as three arrays of
    /// shape (nx, ny, nz): v_x, v_y, v_z.
    ///
    /// Mean of the forward and the backward difference of the phase, each taken the short way
    /// round the circle; right where neighbouring cells differ by less than half a turn, that is
    /// for |v| < pi hbar/(m dx). In an interference zero the velocity has no meaning.
    ///
    /// # Errors
    /// [`adastra_core::Error::Range`] unless the boson mass is positive;
    /// [`adastra_core::Error::Shape`] where psi is not of the mesh's shape in C order.
    pub fn velocity(&self, p: &WaveParams<T>, x: &WaveState<T>) -> Result<[Array3<T>; 3]> {
        p.check()?;
        let size = self.mesh().cells();
        let psi = cells("psi", &x.psi, size)?;
        let phase: Vec<T> = psi.par_iter().map(|z| z.im.atan2(z.re)).collect();
        let spacing = self.mesh().spacing();
        Ok([0, 1, 2].map(|axis| {
            let factor = T::of(0.5 / (spacing[axis] * p.m_per_hbar()));
            let mut v = self.mesh().zeros();
            let stride = [size[1] * size[2], size[2], 1][axis];
            ndarray::par_azip!((index (i, j, k), v in &mut v) {
                let at = [i, j, k];
                let cell = (i * size[1] + j) * size[2] + k;
                let first = cell - at[axis] * stride;
                let next = phase[first + (at[axis] + 1) % size[axis] * stride];
                let last = phase[first + (at[axis] + size[axis] - 1) % size[axis] * stride];
                let here = phase[cell];
                *v = factor * (unwound(next - here) + unwound(here - last));
            });
            v
        }))
    }
}
