//! Driven turbulence.

use std::borrow::Cow;
use std::f64::consts::TAU;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use adastra_core::{Adjoint, Operator, Real, Result, State, state};
use adastra_gravity::Limit;
use adastra_grid::Mesh;
use ndarray::{Array3, Array4};
use num_complex::Complex;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use rayon::prelude::*;

use crate::arrays::dense;
use crate::initial::{normal, positive, range, stream};
use crate::kick::{self, Kick};
use crate::state::shapes;
use crate::{EquationOfState, GasError};

state! {
    /// The parameter of [`Driving`].
    #[derive(Debug, PartialEq)]
    pub struct DrivingParams<T> {
        /// Root mean square of the acceleration, in (km/s)^2/kpc; zero for none.
        pub acceleration: T,
    }
}

state! {
    /// A clock: the time of a run as a state.
    #[derive(Debug, PartialEq)]
    pub struct ClockState<T> {
        /// Time since the start, in kpc/(km/s).
        pub time: T,
    }
}

/// What drives turbulence; configuration, not differentiated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spectrum {
    /// Wavenumbers in units of 2 pi over the longest side of the box. Amplitudes are
    /// `sqrt(1 - (k - k_c)^2 / h^2)` around the middle `k_c` of the two, with half their distance
    /// `h`: the power is a parabola that vanishes at both.
    pub waves: [f64; 2],
    /// Weight zeta of the solenoidal part, from 0 (all compressive) to 1 (all solenoidal).
    pub solenoidal: f64,
    /// Correlation time, in kpc/(km/s).
    pub correlation_time: f64,
    /// Seed of the random sequence.
    pub seed: u64,
}

/// A stochastic acceleration of a few long waves, whose amplitudes are Ornstein-Uhlenbeck processes
/// (Eswaran & Pope 1988), projected on solenoidal and compressive parts by
/// `zeta (1 - k k/k^2) + (1 - zeta) k k/k^2` (Federrath et al. 2010, A&A 512, A81, eq. 7).
///
/// The processes are sampled at ten knots a correlation time from the seed alone, and joined by
/// straight lines: the acceleration is a function of seed and time, so that a run that is restarted
/// or recomputed meets the same one. Its mean over the mass vanishes at every time: no momentum is
/// given to the gas as a whole. At a knot the derivative by time is that of the later side.
///
/// ```
/// use adastra_grid::Mesh;
/// use adastra_hydro::{Driving, Spectrum};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mesh = Mesh::new([16; 3], [1.0; 3])?;
/// let spectrum = Spectrum { waves: [1.0, 3.0], solenoidal: 1.0, correlation_time: 0.5, seed: 7 };
/// let driving = Driving::new(&mesh, spectrum)?;
/// let [x, _, _] = driving.acceleration::<f64>(0.3)?;
/// assert!(x.sum().abs() < 1e-9);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Driving {
    mesh: Mesh,
    correlation_time: f64,
    seed: u64,
    modes: Vec<Mode>,
    /// Largest mode number along each axis.
    most: [i64; 3],
    /// `exp(2 pi i n x / size)` at the cells' centres along each axis, n from 0.
    waves: [Vec<Vec<Complex<f64>>>; 3],
    /// The processes at the knots that were needed so far, before the projection.
    knots: Mutex<Vec<Arc<Vec<Vector>>>>,
}

type Vector = [Complex<f64>; 3];

#[derive(Debug, Clone, Copy)]
struct Mode {
    n: [i64; 3],
    /// Unit vector along the wave vector.
    along: [f64; 3],
    /// Amplitudes of the solenoidal and of the compressive part.
    amplitudes: [f64; 2],
}

/// Knots in a correlation time.
const KNOTS: f64 = 10.0;
/// Knots of a run at most: a time beyond is a mistake.
const MOST_KNOTS: f64 = 1e6;

impl Driving {
    /// Driving of gas on `mesh`.
    ///
    /// # Errors
    /// [`GasError::Range`] unless the correlation time is positive, the solenoidal weight from 0
    /// to 1, and between the two wavenumbers there are modes that the mesh resolves.
    pub fn new(mesh: &Mesh, spectrum: Spectrum) -> Result<Self, GasError> {
        let Spectrum {
            waves: [least, greatest],
            solenoidal,
            correlation_time,
            seed,
        } = spectrum;
        positive(
            "correlation_time",
            correlation_time,
            "positive, in kpc/(km/s)",
        )?;
        let good = (0.0..=1.0).contains(&solenoidal);
        range("solenoidal", solenoidal, good, "from 0 to 1")?;
        let (cells, size) = (mesh.cells(), mesh.size());
        let coarsest = mesh.spacing().into_iter().fold(0.0, f64::max);
        let longest = size.into_iter().fold(0.0, f64::max);
        let good = least >= 0.0 && least < greatest && greatest <= 0.5 * longest / coarsest;
        let allowed = "two numbers, the smaller first, up to half the cells of a side";
        range("waves", greatest, good, allowed)?;

        let (middle, half) = (0.5 * (least + greatest), 0.5 * (greatest - least));
        let most = size.map(|size| (greatest * size / longest).floor() as i64);
        let mut modes = Vec::new();
        let mut power = 0.0;
        for nx in 0..=most[0] {
            for ny in -most[1]..=most[1] {
                for nz in -most[2]..=most[2] {
                    // One of each pair k, -k.
                    if (nx, ny, nz) <= (0, 0, 0) {
                        continue;
                    }
                    let n = [nx, ny, nz];
                    let k: [f64; 3] = std::array::from_fn(|d| n[d] as f64 * longest / size[d]);
                    let length = k.iter().map(|k| k * k).sum::<f64>().sqrt();
                    let weight = 1.0 - ((length - middle) / half).powi(2);
                    if weight > 0.0 {
                        let root = weight.sqrt();
                        modes.push(Mode {
                            n,
                            along: k.map(|k| k / length),
                            amplitudes: [solenoidal * root, (1.0 - solenoidal) * root],
                        });
                        // The mean square of the real part of a wave is half of its amplitude's.
                        power +=
                            0.5 * weight * (2.0 * solenoidal.powi(2) + (1.0 - solenoidal).powi(2));
                    }
                }
            }
        }
        let allowed = "a range that holds modes of the box";
        range("waves", greatest, power > 0.0, allowed)?;
        for mode in &mut modes {
            mode.amplitudes = mode.amplitudes.map(|a| a / power.sqrt());
        }
        let waves = std::array::from_fn(|d| {
            let wave = |n: i64| {
                let phase = |i: usize| TAU * n as f64 * (i as f64 + 0.5) / cells[d] as f64;
                (0..cells[d])
                    .map(|i| Complex::from_polar(1.0, phase(i)))
                    .collect()
            };
            (0..=most[d]).map(wave).collect()
        });
        Ok(Self {
            mesh: mesh.clone(),
            correlation_time,
            seed,
            modes,
            most,
            waves,
            knots: Mutex::default(),
        })
    }

    /// The processes at a knot.
    fn knot(&self, index: usize) -> Arc<Vec<Vector>> {
        // A poisoned lock still guards a list of whole knots.
        let mut knots = self.knots.lock().unwrap_or_else(PoisonError::into_inner);
        while knots.len() <= index {
            let fresh = self.modes.iter().map(|mode| {
                let knot = knots.len() as u64;
                let mut rng =
                    Xoshiro256PlusPlus::seed_from_u64(stream(self.seed ^ knot << 32, mode.n));
                [(); 3].map(|()| normal(&mut rng))
            });
            let next: Vec<Vector> = match knots.last() {
                None => fresh.collect(),
                Some(last) => {
                    let kept = (-1.0 / KNOTS).exp();
                    let noise = (1.0 - kept * kept).sqrt();
                    let both = last.iter().zip(fresh);
                    both.map(|(old, new)| std::array::from_fn(|d| old[d] * kept + new[d] * noise))
                        .collect()
                }
            };
            knots.push(Arc::new(next));
        }
        Arc::clone(&knots[index])
    }

    /// Amplitudes of the waves at a time, for one field; `slope` for their derivative by time.
    fn amplitudes(&self, time: f64, slope: bool) -> Result<Vec<Vector>, GasError> {
        let place = time * KNOTS / self.correlation_time;
        let good = (0.0..=MOST_KNOTS).contains(&place);
        range(
            "time",
            time,
            good,
            "not negative, and below 1e5 correlation times",
        )?;
        let first = place.floor() as usize;
        let (a, b) = (self.knot(first), self.knot(first + 1));
        let [of_a, of_b] = if slope {
            let rate = KNOTS / self.correlation_time;
            [-rate, rate]
        } else {
            let part = place - place.floor();
            [1.0 - part, part]
        };
        let both = a.iter().zip(b.iter()).zip(&self.modes);
        Ok(both
            .map(|((a, b), mode)| {
                let free: Vector = std::array::from_fn(|d| a[d] * of_a + b[d] * of_b);
                let along: Complex<f64> = (0..3).map(|d| free[d] * mode.along[d]).sum();
                let [across, compressive] = mode.amplitudes;
                std::array::from_fn(|d| {
                    let part = along * mode.along[d];
                    (free[d] - part) * across + part * compressive
                })
            })
            .collect())
    }

    fn wave(&self, axis: usize, n: i64, i: usize) -> Complex<f64> {
        let wave = self.waves[axis][n.unsigned_abs() as usize][i];
        if n < 0 { wave.conj() } else { wave }
    }

    /// The sum of waves, axis by axis.
    fn sum<T: Real>(&self, amplitudes: &[Vector]) -> [Array3<T>; 3] {
        let [nx, ny, nz] = self.mesh.cells();
        let [mx, my, _] = self.most;
        let across = (2 * my + 1) as usize;
        let mut along_z = Array4::<Complex<f64>>::zeros((mx as usize + 1, across, nz, 3));
        for (mode, amplitude) in self.modes.iter().zip(amplitudes) {
            let [a, b, c] = mode.n;
            for k in 0..nz {
                let wave = self.wave(2, c, k);
                for d in 0..3 {
                    along_z[[a as usize, (b + my) as usize, k, d]] += amplitude[d] * wave;
                }
            }
        }
        let mut along_y = Array4::<Complex<f64>>::zeros((mx as usize + 1, ny, nz, 3));
        for a in 0..=mx as usize {
            for b in 0..across {
                for j in 0..ny {
                    let wave = self.wave(1, b as i64 - my, j);
                    for k in 0..nz {
                        for d in 0..3 {
                            let part = along_z[[a, b, k, d]] * wave;
                            along_y[[a, j, k, d]] += part;
                        }
                    }
                }
            }
        }
        let mut fields = [(); 3].map(|()| self.mesh.zeros::<T>());
        for (d, field) in fields.iter_mut().enumerate() {
            let planes = field.outer_iter_mut().into_par_iter().enumerate();
            planes.for_each(|(i, mut plane)| {
                debug_assert!(i < nx);
                for ((j, k), value) in plane.indexed_iter_mut() {
                    let parts = (0..=mx as usize).map(|a| {
                        let (amplitude, wave) = (along_y[[a, j, k, d]], self.waves[0][a][i]);
                        amplitude.re * wave.re - amplitude.im * wave.im
                    });
                    *value = T::of(parts.sum());
                }
            });
        }
        fields
    }

    /// The acceleration along x, y and z at a time in kpc/(km/s), with an expected mean square of
    /// one over the box.
    ///
    /// # Errors
    /// [`GasError::Range`] for a time that is negative or not finite.
    pub fn acceleration<T: Real>(&self, time: f64) -> Result<[Array3<T>; 3], GasError> {
        Ok(self.sum(&self.amplitudes(time, false)?))
    }

    /// The acceleration less its mean over the mass.
    fn relative<T: Real>(&self, rho: &Array3<T>, time: f64) -> Result<[Array3<T>; 3]> {
        let mut fields = self.acceleration::<T>(time).map_err(GasError::wrap)?;
        let mass = total(rho);
        for field in &mut fields {
            let mean = T::of(rho.dot_with(field) / mass);
            field.mapv_inplace(|a| a - mean);
        }
        Ok(fields)
    }

    /// Accelerates the gas for a time `dt`, in kpc/(km/s), by what acts at `time`.
    ///
    /// # Errors
    /// [`GasError::Range`] for the time, [`Error::Shape`](adastra_core::Error::Shape).
    pub fn drive<T: Real, E: EquationOfState<T>>(
        &self,
        p: &DrivingParams<T>,
        gas: &mut E::State,
        time: T,
        dt: f64,
    ) -> Result<()> {
        shapes(&E::fields(gas), self.mesh.cells())?;
        let mut a = self.relative(E::fields(gas)[0], time.f64())?;
        a.iter_mut()
            .for_each(|a| a.mapv_inplace(|a| a * p.acceleration));
        kick::kick(Kick::new(&a.each_ref().map(dense), dt), E::fields_mut(gas));
        Ok(())
    }

    /// Adjoint of [`Driving::drive`]: pulls the cotangent of the gas back in place, given the gas
    /// before, and adds to those of the time and of the parameter.
    ///
    /// # Errors
    /// As [`Driving::drive`].
    pub fn drive_vjp<T: Real, E: EquationOfState<T>>(
        &self,
        p: &DrivingParams<T>,
        (gas, time): (&E::State, T),
        dt: f64,
        (gas_bar, time_bar): (&mut E::State, &mut T),
        p_bar: &mut DrivingParams<T>,
    ) -> Result<()> {
        let fields = E::fields(gas);
        shapes(&fields, self.mesh.cells())?;
        shapes(&E::fields(gas_bar), self.mesh.cells())?;
        let rho = fields[0];
        let unit = self.relative(rho, time.f64())?;
        let amplitudes = self.amplitudes(time.f64(), true).map_err(GasError::wrap)?;
        let slope = self.sum::<T>(&amplitudes);
        let a = unit.each_ref().map(|a| a.mapv(|a| a * p.acceleration));
        let mut a_bar = [(); 3].map(|()| self.mesh.zeros::<T>());
        let x: Vec<Cow<'_, [T]>> = fields.iter().map(|field| dense(field)).collect();
        let slices = a.each_ref().map(dense);
        kick::kick_vjp(
            Kick::new(&slices, dt),
            &x,
            E::fields_mut(gas_bar),
            &mut a_bar,
        );
        // a = A (u - sum rho u / M), for each component.
        let mass = total(rho);
        let amplitude = p.acceleration.f64();
        let (mut amplitude_bar, mut of_time) = (0.0, 0.0);
        for d in 0..3 {
            let share = total(&a_bar[d]) / mass;
            amplitude_bar += a_bar[d].dot_with(&unit[d]);
            of_time += a_bar[d].dot_with(&slope[d]) - share * rho.dot_with(&slope[d]);
            let factor = T::of(amplitude * share);
            let rho_bar = &mut *E::fields_mut(gas_bar)[0];
            rho_bar.zip_mut_with(&unit[d], |bar, &u| *bar -= factor * u);
        }
        p_bar.acceleration += T::of(amplitude_bar);
        *time_bar += T::of(amplitude * of_time);
        Ok(())
    }

    /// The step over which the acceleration stays about the same: a quarter of its correlation
    /// time.
    pub fn limit(&self) -> Limit {
        Limit {
            name: "driving",
            dt: 0.25 * self.correlation_time,
        }
    }
}

/// The sum in f64, in order.
fn total<T: Real>(field: &Array3<T>) -> f64 {
    field.iter().map(|x| x.f64()).sum()
}

/// The inner product of arrays as states: ndarray has a `dot` of its own.
trait DotWith {
    fn dot_with(&self, other: &Self) -> f64;
}

impl<T: Real> DotWith for Array3<T> {
    fn dot_with(&self, other: &Self) -> f64 {
        State::<T>::dot(self, other)
    }
}

/// [`Driving`] of given length as an operator on gas and a clock, which it leaves as it is.
#[derive(Debug)]
pub struct Drive<E> {
    driving: Driving,
    dt: f64,
    law: PhantomData<fn() -> E>,
}

impl<E> Drive<E> {
    /// Driving for a time `dt`, in kpc/(km/s).
    pub fn new(driving: Driving, dt: f64) -> Self {
        let law = PhantomData;
        Self { driving, dt, law }
    }
}

impl<T: Real, E: EquationOfState<T>> Operator<T> for Drive<E> {
    type Params = DrivingParams<T>;
    type In = (E::State, ClockState<T>);
    type Out = (E::State, ClockState<T>);

    /// # Errors
    /// As [`Driving::drive`].
    fn apply(&self, p: &DrivingParams<T>, (mut gas, clock): Self::In) -> Result<Self::Out> {
        self.driving
            .drive::<T, E>(p, &mut gas, clock.time, self.dt)?;
        Ok((gas, clock))
    }
}

impl<T: Real, E: EquationOfState<T>> Adjoint<T> for Drive<E> {
    /// The state before.
    type Saved = (E::State, ClockState<T>);

    fn record(&self, p: &DrivingParams<T>, x: Self::In) -> Result<(Self::Out, Self::Saved)> {
        Ok((self.apply(p, x.clone())?, x))
    }

    fn vjp(
        &self,
        p: &DrivingParams<T>,
        (gas, clock): Self::Saved,
        (mut gas_bar, mut clock_bar): Self::Out,
        p_bar: &mut DrivingParams<T>,
    ) -> Result<Self::In> {
        let bars = (&mut gas_bar, &mut clock_bar.time);
        self.driving
            .drive_vjp::<T, E>(p, (&gas, clock.time), self.dt, bars, p_bar)?;
        Ok((gas_bar, clock_bar))
    }
}
