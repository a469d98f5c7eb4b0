//! An acceleration acts on the gas.

use std::borrow::Cow;

use adastra_core::Real;
use ndarray::Array3;
use rayon::prelude::*;

use crate::arrays::{CHUNK, dense_mut};

/// An acceleration, in (km/s)^2/kpc, for a time.
#[derive(Clone, Copy)]
pub(crate) struct Kick<'a, T> {
    a: [&'a [T]; 3],
    dt: T,
}

impl<'a, T: Real> Kick<'a, T> {
    pub(crate) fn new(a: &'a [Cow<'_, [T]>; 3], dt: f64) -> Self {
        Self {
            a: a.each_ref().map(|a| &**a),
            dt: T::of(dt),
        }
    }
}

/// `m += dt rho a` and, with an energy, `E += dt a m + dt^2 rho a^2 / 2`: the pressure stays.
pub(crate) fn kick<T: Real>(kick: Kick<'_, T>, fields: Vec<&mut Array3<T>>) {
    let Kick { a, dt } = kick;
    let mut fields = fields.into_iter().map(dense_mut);
    let mut next = || fields.next().expect("a density and three momenta");
    let rho = &*next();
    let mut momenta = [next(), next(), next()];
    if let Some(energy) = fields.next() {
        let half = T::of(0.5) * dt;
        let momenta = momenta.each_ref().map(|m| &**m);
        energy
            .par_chunks_mut(CHUNK)
            .enumerate()
            .for_each(|(n, energy)| {
                let at = n * CHUNK..n * CHUNK + energy.len();
                for (m, a) in momenta.iter().zip(a) {
                    let (rho, m, a) = (&rho[at.clone()], &m[at.clone()], &a[at.clone()]);
                    for i in 0..energy.len() {
                        energy[i] += dt * a[i] * (m[i] + half * rho[i] * a[i]);
                    }
                }
            });
    }
    for (m, a) in momenta.iter_mut().zip(a) {
        m.par_chunks_mut(CHUNK).enumerate().for_each(|(n, m)| {
            let at = n * CHUNK..n * CHUNK + m.len();
            let (rho, a) = (&rho[at.clone()], &a[at]);
            for i in 0..m.len() {
                m[i] += dt * rho[i] * a[i];
            }
        });
    }
}

/// Adjoint of [`kick`], from the fields before it.
pub(crate) fn kick_vjp<T: Real>(
    kick: Kick<'_, T>,
    x: &[Cow<'_, [T]>],
    bar: Vec<&mut Array3<T>>,
    a_bar: &mut [Array3<T>; 3],
) {
    let Kick { a, dt } = kick;
    let half = T::of(0.5) * dt;
    let mut bar = bar.into_iter().map(dense_mut);
    let mut next = || bar.next().expect("a density and three momenta");
    let rho_bar = next();
    let momenta_bar = [next(), next(), next()];
    let energy_bar = bar.next().map(|e| &*e);
    let rho = &x[0];
    for (d, m_bar) in momenta_bar.into_iter().enumerate() {
        let (a, m) = (a[d], &x[1 + d]);
        let chunks = rho_bar
            .par_chunks_mut(CHUNK)
            .zip(m_bar.par_chunks_mut(CHUNK))
            .zip(dense_mut(&mut a_bar[d]).par_chunks_mut(CHUNK));
        chunks
            .enumerate()
            .for_each(|(n, ((rho_bar, m_bar), a_bar))| {
                let at = n * CHUNK..n * CHUNK + m_bar.len();
                let (rho, m, a) = (&rho[at.clone()], &m[at.clone()], &a[at.clone()]);
                for i in 0..m_bar.len() {
                    rho_bar[i] += dt * a[i] * m_bar[i];
                    a_bar[i] += dt * rho[i] * m_bar[i];
                }
                if let Some(energy_bar) = energy_bar {
                    let energy_bar = &energy_bar[at];
                    for i in 0..m_bar.len() {
                        let e = dt * energy_bar[i];
                        rho_bar[i] += half * e * a[i] * a[i];
                        m_bar[i] += e * a[i];
                        a_bar[i] += e * (m[i] + dt * rho[i] * a[i]);
                    }
                }
            });
    }
}
