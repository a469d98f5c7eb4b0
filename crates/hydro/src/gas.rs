//! Gas that gravitates.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use adastra_core::{Real, Result};
use adastra_gravity::{Limit, Matter, MatterAdjoint};
use adastra_grid::{Gravity, Mesh};
use ndarray::Array3;

use crate::arrays::{copy as copy_field, dense, dense_mut, first_bad};
use crate::engine::{Engine, Job};
use crate::floors::{self, Floors};
use crate::kick::{self, Kick};
use crate::state::shapes;
use crate::{EquationOfState, Flux, GasError, Ideal, Isothermal, Limiter};

/// How the step is done; configuration, not differentiated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scheme {
    /// Flux between cells.
    pub flux: Flux,
    /// Limiter of the slopes.
    pub limiter: Limiter,
    /// Courant number: the longest step is this over the largest `sum_d (|v_d| + c) / dx_d`; at
    /// most 1.
    pub cfl: f64,
    /// Density below which a cell is set to it, in Msun/kpc^3; zero for none.
    pub density_floor: f64,
    /// Pressure below which a cell is set to it, in Msun/kpc^3 (km/s)^2; zero for none. Isothermal
    /// gas ignores it.
    pub pressure_floor: f64,
}

impl Default for Scheme {
    /// HLLC, monotonized central, a Courant number of 0.8, no floors.
    fn default() -> Self {
        Self {
            flux: Flux::Hllc,
            limiter: Limiter::MonotonizedCentral,
            cfl: 0.8,
            density_floor: 0.0,
            pressure_floor: 0.0,
        }
    }
}

/// What steps did beyond the scheme, since the gas was made: repeated steps count again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repairs {
    /// Cells set to the density floor.
    pub density: u64,
    /// Cells set to the pressure floor.
    pub pressure: u64,
    /// Cells taken as uniform, at first order, in a step because a reconstructed density or
    /// pressure at one of their faces was not positive.
    pub uniform: u64,
}

/// Gas on a periodic mesh: the unsplit second-order Godunov scheme of van Leer and Hancock
/// (van Leer 1984; Toro 2009, section 14.4).
///
/// * deposit: `rho += density`;
/// * kick: `momentum += dt density a`; the pressure stays, and the energy follows;
/// * drift: limited slopes of the primitive variables, a half step of these, and fluxes through
///   all faces at once from the states on both sides; mass, momentum and energy are conserved to
///   rounding. Where the reconstruction has no positive density or pressure, a cell counts as
///   uniform in this step ([`Repairs::uniform`]);
/// * limit "gas CFL": `dt <= cfl / max_cells sum_d (|v_d| + c) / dx_d`.
///
/// A step that ends with a density or pressure that is not above its floor sets it to the floor,
/// and counts that; without a floor, it is an error ([`GasError::Unphysical`]) and the state is
/// left as it was.
///
/// The adjoint recomputes the step from the state before it. It is exact wherever the step has a
/// derivative; at a kink (of a limiter, of a flux, at a floor) it is that of one side, the one
/// that the forward code takes. All of it has the same bits for any number of threads.
pub struct Gas<T: Real, E: EquationOfState<T>> {
    mesh: Mesh,
    scheme: Scheme,
    engine: Box<dyn Engine<T>>,
    /// States that wait for their next use: fresh pages would cost as much as a step.
    pool: Mutex<Vec<E::State>>,
    repairs: [AtomicU64; 3],
}

/// Isothermal gas.
pub type IsothermalGas<T> = Gas<T, Isothermal>;
/// Ideal gas.
pub type IdealGas<T> = Gas<T, Ideal>;

impl<T: Real, E: EquationOfState<T>> Gas<T, E> {
    /// Gas on `mesh`.
    ///
    /// # Errors
    /// [`GasError::Range`] unless the Courant number is in (0, 1] and floors are finite and not
    /// negative.
    pub fn new(mesh: &Mesh, scheme: Scheme) -> Result<Self, GasError> {
        let range = |name, value, good: bool, allowed| {
            let error = GasError::Range {
                name,
                value,
                allowed,
            };
            if good { Ok(()) } else { Err(error) }
        };
        let cfl = scheme.cfl;
        range("cfl", cfl, cfl > 0.0 && cfl <= 1.0, "above 0 and at most 1")?;
        let floors = [
            ("density_floor", scheme.density_floor),
            ("pressure_floor", scheme.pressure_floor),
        ];
        for (name, floor) in floors {
            let good = floor >= 0.0 && T::of(floor).is_finite();
            range(name, floor, good, "finite and not negative")?;
        }
        Ok(Self {
            mesh: mesh.clone(),
            scheme,
            engine: E::engine(),
            pool: Mutex::default(),
            repairs: Default::default(),
        })
    }

    /// The mesh.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The scheme.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// What steps did beyond the scheme so far.
    pub fn repairs(&self) -> Repairs {
        let [density, pressure, uniform] =
            self.repairs.each_ref().map(|n| n.load(Ordering::Relaxed));
        Repairs {
            density,
            pressure,
            uniform,
        }
    }

    /// Checks that a state is one of a gas: densities and pressures positive, all finite.
    ///
    /// # Errors
    /// [`GasError::Cell`] naming the first cell that is not, [`GasError::Range`] for the
    /// parameter, [`Error::Shape`](adastra_core::Error::Shape).
    pub fn check(&self, p: &E::Params, x: &E::State) -> Result<()> {
        let fields = E::fields(x);
        shapes(&fields, self.mesh.cells())?;
        E::parameter(p).map_err(GasError::wrap)?;
        let cell = |field, (cell, value): ([usize; 3], T), allowed| {
            let value = value.f64();
            Err(GasError::Cell {
                field,
                cell,
                value,
                allowed,
            }
            .wrap())
        };
        let positive = |x: T| x > T::zero() && x.is_finite();
        if let Some(bad) = first_bad(fields[0].view(), positive) {
            return cell("density", bad, "positive and finite, in Msun/kpc^3");
        }
        for momentum in &fields[1..4] {
            if let Some(bad) = first_bad(momentum.view(), T::is_finite) {
                return cell("momentum", bad, "finite, in Msun/kpc^3 km/s");
            }
        }
        if E::ENERGY {
            let thermal = Array3::from_shape_fn(fields[0].raw_dim(), |at| {
                let [rho, x, y, z, energy] = std::array::from_fn(|f| fields[f][at]);
                energy - T::of(0.5) * (x * x + y * y + z * z) / rho
            });
            if let Some(bad) = first_bad(thermal.view(), positive) {
                let allowed = "positive and finite: more than the kinetic energy density";
                return cell("thermal energy density", bad, allowed);
            }
        }
        Ok(())
    }

    fn job(&self, p: &E::Params, dt: f64) -> Result<Job<T>> {
        let c = E::parameter(p).map_err(GasError::wrap)?;
        let spacing = self.mesh.spacing();
        let Floors { density, energy } = self.floors(c);
        Ok(Job {
            cells: self.mesh.cells(),
            flux: self.scheme.flux,
            limiter: self.scheme.limiter,
            c,
            scale: spacing.map(|dx| T::of(dt / dx)),
            half: spacing.map(|dx| T::of(0.5 * dt / dx)),
            tiny: spacing.map(|dx| T::of(1e-12 * dx)),
            density_floor: density,
            energy_floor: energy,
        })
    }

    fn floors(&self, c: T) -> Floors<T> {
        let density = T::of(self.scheme.density_floor);
        let energy = if E::ENERGY {
            T::of(self.scheme.pressure_floor) / (c - T::one())
        } else {
            T::zero()
        };
        Floors { density, energy }
    }

    fn take(&self) -> E::State {
        let waiting = self
            .pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        waiting.unwrap_or_else(|| {
            let count = if E::ENERGY { 5 } else { 4 };
            let fields = (0..count).map(|_| self.mesh.zeros()).collect();
            E::state(fields).expect("as many fields as the state has")
        })
    }

    /// Takes a state that is no longer needed. What is held never exceeds what was once in use.
    pub(crate) fn give_back(&self, x: E::State) {
        if shapes(&E::fields(&x), self.mesh.cells()).is_ok() {
            let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
            pool.push(x);
        }
    }

    pub(crate) fn copy(&self, x: &E::State) -> E::State {
        let mut copy = self.take();
        for (to, from) in E::fields_mut(&mut copy).into_iter().zip(E::fields(x)) {
            if to.shape() == from.shape() {
                copy_field(to, &dense(from));
            } else {
                to.clone_from(from);
            }
        }
        copy
    }

    /// The state after a drift, in a buffer of its own.
    pub(crate) fn drifted(&self, p: &E::Params, x: &E::State, dt: f64) -> Result<E::State> {
        let job = self.job(p, dt)?;
        let fields = E::fields(x);
        shapes(&fields, self.mesh.cells())?;
        let mut new = self.take();
        let suspects = self.raw(&job, &slices(&fields), &mut new);
        let mended = floors::mend::<T, E>(self.floors(job.c), &suspects, &mut new, dt);
        match mended {
            Ok(counts) => {
                self.repairs[0].fetch_add(counts[0], Ordering::Relaxed);
                self.repairs[1].fetch_add(counts[1], Ordering::Relaxed);
                Ok(new)
            }
            Err(error) => {
                self.give_back(new);
                Err(error.wrap())
            }
        }
    }

    /// The step without floors; rows that may need them.
    fn raw(&self, job: &Job<T>, x: &[Cow<'_, [T]>], new: &mut E::State) -> Vec<[usize; 2]> {
        let x: Vec<&[T]> = x.iter().map(|x| &**x).collect();
        let out = E::fields_mut(new).into_iter().map(dense_mut).collect();
        let outcome = self.engine.step(job, &x, out);
        self.repairs[2].fetch_add(outcome.uniform as u64, Ordering::Relaxed);
        outcome.suspects
    }

    /// Pulls `x_bar` back through a drift from the state with the fields `x`.
    pub(crate) fn pull_back(
        &self,
        p: &E::Params,
        x: &[Cow<'_, [T]>],
        dt: f64,
        x_bar: &mut E::State,
        p_bar: &mut E::Params,
    ) -> Result<()> {
        let job = self.job(p, dt)?;
        shapes(&E::fields(x_bar), self.mesh.cells())?;
        let floors = self.floors(job.c);
        let c_bar = E::parameter_mut(p_bar);
        if floors.any() {
            // Which cells met a floor shows only after the step.
            let mut new = self.take();
            let suspects = self.raw(&job, x, &mut new);
            *c_bar += floors::mend_vjp::<T, E>(floors, job.c, &suspects, &new, x_bar);
            self.give_back(new);
        }
        let mut result = self.take();
        let bar = slices(&E::fields(x_bar));
        let bar: Vec<&[T]> = bar.iter().map(|x| &**x).collect();
        let x: Vec<&[T]> = x.iter().map(|x| &**x).collect();
        let out = E::fields_mut(&mut result)
            .into_iter()
            .map(dense_mut)
            .collect();
        *c_bar += T::of(self.engine.step_vjp(&job, &x, &bar, out));
        drop(bar);
        std::mem::swap(x_bar, &mut result);
        self.give_back(result);
        Ok(())
    }

    fn acceleration<'a>(&self, gravity: &'a Gravity<T>) -> Result<[Cow<'a, [T]>; 3]> {
        let cells = self.mesh.cells();
        let Some(a) = &gravity.acceleration else {
            return Err(GasError::MissingAcceleration { cells }.wrap());
        };
        for a in a {
            crate::arrays::shape("acceleration", a, cells)?;
        }
        Ok(a.each_ref().map(dense))
    }
}

/// The fields as slices.
fn slices<'a, T: Real>(fields: &[&'a Array3<T>]) -> Vec<Cow<'a, [T]>> {
    fields.iter().map(|field| dense(field)).collect()
}

impl<T: Real, E: EquationOfState<T>> Matter<T> for Gas<T, E> {
    type Params = E::Params;
    type State = E::State;

    fn needs_acceleration(&self) -> bool {
        true
    }

    fn deposit(&self, _: &E::Params, x: &E::State, rho: &mut Array3<T>) -> Result<()> {
        let fields = E::fields(x);
        shapes(&fields, self.mesh.cells())?;
        crate::arrays::shape("density", rho, self.mesh.cells())?;
        crate::arrays::add(rho, &dense(fields[0]));
        Ok(())
    }

    fn kick(&self, _: &E::Params, x: &mut E::State, gravity: &Gravity<T>, dt: f64) -> Result<()> {
        shapes(&E::fields(x), self.mesh.cells())?;
        let a = self.acceleration(gravity)?;
        kick::kick(Kick::new(&a, dt), E::fields_mut(x));
        Ok(())
    }

    fn drift(&self, p: &E::Params, x: &mut E::State, dt: f64) -> Result<()> {
        let mut new = self.drifted(p, x, dt)?;
        std::mem::swap(x, &mut new);
        self.give_back(new);
        Ok(())
    }

    fn limits(&self, p: &E::Params, x: &E::State, _: &Gravity<T>) -> Result<Vec<Limit>> {
        let c = E::parameter(p).map_err(GasError::wrap)?;
        let fields = E::fields(x);
        shapes(&fields, self.mesh.cells())?;
        let fields = slices(&fields);
        let fields: Vec<&[T]> = fields.iter().map(|x| &**x).collect();
        let inverse = self.mesh.spacing().map(|dx| T::of(1.0 / dx));
        let signal = self.engine.signal(c, self.mesh.cells(), inverse, &fields);
        let dt = self.scheme.cfl / signal.f64();
        Ok(vec![Limit {
            name: "gas CFL",
            dt,
        }])
    }
}

impl<T: Real, E: EquationOfState<T>> MatterAdjoint<T> for Gas<T, E> {
    fn deposit_vjp(
        &self,
        _: &E::Params,
        _: &E::State,
        rho_bar: &Array3<T>,
        x_bar: &mut E::State,
        _: &mut E::Params,
    ) -> Result<()> {
        shapes(&E::fields(x_bar), self.mesh.cells())?;
        crate::arrays::shape("cotangent of the density", rho_bar, self.mesh.cells())?;
        let mut fields = E::fields_mut(x_bar);
        crate::arrays::add(fields[0], &dense(rho_bar));
        Ok(())
    }

    fn kick_vjp(
        &self,
        _: &E::Params,
        x: &E::State,
        gravity: &Gravity<T>,
        dt: f64,
        x_bar: &mut E::State,
        gravity_bar: &mut Gravity<T>,
        _: &mut E::Params,
    ) -> Result<()> {
        let cells = self.mesh.cells();
        let fields = E::fields(x);
        shapes(&fields, cells)?;
        shapes(&E::fields(x_bar), cells)?;
        let a = self.acceleration(gravity)?;
        let Some(a_bar) = &mut gravity_bar.acceleration else {
            return Err(GasError::MissingAcceleration { cells }.wrap());
        };
        for a_bar in a_bar.iter() {
            crate::arrays::shape("cotangent of the acceleration", a_bar, cells)?;
        }
        let x_bar = E::fields_mut(x_bar);
        kick::kick_vjp(Kick::new(&a, dt), &slices(&fields), x_bar, a_bar);
        Ok(())
    }

    fn drift_vjp(
        &self,
        p: &E::Params,
        x: &E::State,
        dt: f64,
        x_bar: &mut E::State,
        p_bar: &mut E::Params,
    ) -> Result<()> {
        let fields = E::fields(x);
        shapes(&fields, self.mesh.cells())?;
        self.pull_back(p, &slices(&fields), dt, x_bar, p_bar)
    }

    /// As the provided method, with the kicked state in a buffer that is used again.
    fn kick_drift_vjp(
        &self,
        p: &E::Params,
        x: &mut E::State,
        gravity: &Gravity<T>,
        kick: f64,
        drift: f64,
        x_bar: &mut E::State,
        gravity_bar: &mut Gravity<T>,
        p_bar: &mut E::Params,
    ) -> Result<()> {
        shapes(&E::fields(x), self.mesh.cells())?;
        let mut kicked = self.copy(x);
        self.kick(p, &mut kicked, gravity, kick)?;
        self.drift_vjp(p, &kicked, drift, x_bar, p_bar)?;
        self.give_back(kicked);
        self.kick_vjp(p, x, gravity, kick, x_bar, gravity_bar, p_bar)
    }
}
