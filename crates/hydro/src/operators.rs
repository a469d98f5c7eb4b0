//! The drift of gas as an operator, and the change from primitive variables.

use std::marker::PhantomData;
use std::sync::Arc;

use adastra_core::{Adjoint, Error, Operator, Real, Result, State};
use adastra_gravity::MatterAdjoint;
use adastra_grid::Mesh;
use ndarray::{Array3, Zip};

use crate::arrays::first_bad;
use crate::state::shapes;
use crate::{EquationOfState, Gas, GasError};

/// One finite-volume step of gas without gravity, as an operator.
///
/// # Errors
/// [`GasError::Unphysical`], [`GasError::Range`] for the parameter, and
/// [`Error::Shape`](adastra_core::Error::Shape).
pub struct Drift<T: Real, E: EquationOfState<T>> {
    gas: Arc<Gas<T, E>>,
    dt: f64,
}

impl<T: Real, E: EquationOfState<T>> Drift<T, E> {
    /// A step of length `dt`, in kpc/(km/s).
    pub fn new(gas: &Arc<Gas<T, E>>, dt: f64) -> Self {
        let gas = Arc::clone(gas);
        Self { gas, dt }
    }
}

impl<T: Real, E: EquationOfState<T>> Operator<T> for Drift<T, E> {
    type Params = E::Params;
    type In = E::State;
    type Out = E::State;

    fn apply(&self, p: &E::Params, x: E::State) -> Result<E::State> {
        let new = self.gas.drifted(p, &x, self.dt)?;
        self.gas.give_back(x);
        Ok(new)
    }

    fn copy(&self, x: &E::State) -> E::State {
        self.gas.copy(x)
    }
}

impl<T: Real, E: EquationOfState<T>> Adjoint<T> for Drift<T, E> {
    /// The state before the step.
    type Saved = E::State;

    fn record(&self, p: &E::Params, x: E::State) -> Result<(E::State, E::State)> {
        Ok((self.gas.drifted(p, &x, self.dt)?, x))
    }

    fn save(&self, _: &E::Params, x: E::State) -> Result<E::State> {
        Ok(x)
    }

    fn vjp(
        &self,
        p: &E::Params,
        x: E::State,
        mut x_bar: E::State,
        p_bar: &mut E::Params,
    ) -> Result<E::State> {
        self.gas.drift_vjp(p, &x, self.dt, &mut x_bar, p_bar)?;
        self.gas.give_back(x);
        Ok(x_bar)
    }
}

/// From primitive to conserved variables, as an operator.
///
/// In: the density, in Msun/kpc^3, the velocities along x, y and z, in km/s, and for ideal gas the
/// pressure, in Msun/kpc^3 (km/s)^2; each of shape (nx, ny, nz). An initial condition that is to be
/// differentiated at fixed velocity goes through this operator.
///
/// # Errors
/// [`GasError::Cell`] unless densities and pressures are positive and all is finite;
/// [`GasError::Range`] for the parameter; [`Error::Shape`].
#[derive(Debug, Clone)]
pub struct FromPrimitive<E> {
    mesh: Mesh,
    law: PhantomData<E>,
}

impl<E> FromPrimitive<E> {
    /// For fields on `mesh`.
    pub fn new(mesh: &Mesh) -> Self {
        Self {
            mesh: mesh.clone(),
            law: PhantomData,
        }
    }

    fn check<T: Real>(&self, w: &[Array3<T>], energy: bool) -> Result<()> {
        let count = if energy { 5 } else { 4 };
        if w.len() != count {
            return Err(Error::Shape {
                what: "list of primitive fields".into(),
                found: vec![w.len()],
                expected: vec![count],
            });
        }
        shapes(&w.iter().collect::<Vec<_>>(), self.mesh.cells())?;
        let positive = |x: T| x > T::zero() && x.is_finite();
        for (n, field) in w.iter().enumerate() {
            let (field, bad, allowed) = match n {
                0 => (
                    "density",
                    first_bad(field.view(), positive),
                    "positive and finite, in Msun/kpc^3",
                ),
                4 => (
                    "pressure",
                    first_bad(field.view(), positive),
                    "positive and finite, in Msun/kpc^3 (km/s)^2",
                ),
                _ => (
                    "velocity",
                    first_bad(field.view(), T::is_finite),
                    "finite, in km/s",
                ),
            };
            if let Some((cell, value)) = bad {
                let value = value.f64();
                let error = GasError::Cell {
                    field,
                    cell,
                    value,
                    allowed,
                };
                return Err(error.wrap());
            }
        }
        Ok(())
    }
}

impl<T: Real, E: EquationOfState<T>> Operator<T> for FromPrimitive<E> {
    type Params = E::Params;
    type In = Vec<Array3<T>>;
    type Out = E::State;

    fn apply(&self, p: &E::Params, mut w: Vec<Array3<T>>) -> Result<E::State> {
        let c = E::parameter(p).map_err(GasError::wrap)?;
        self.check(&w, E::ENERGY)?;
        if let [rho, vx, vy, vz, energy] = &mut w[..] {
            let half = T::of(0.5);
            for v in [&*vx, &*vy, &*vz] {
                // First P + (gamma - 1) rho v^2 / 2.
                let factor = half * (c - T::one());
                Zip::from(&mut *energy)
                    .and(&*rho)
                    .and(v)
                    .for_each(|e, &rho, &v| *e += factor * rho * v * v);
            }
            energy.mapv_inplace(|e| e / (c - T::one()));
        }
        let (rho, rest) = w.split_at_mut(1);
        for v in &mut rest[..3] {
            *v *= &rho[0];
        }
        Ok(E::state(w).expect("as many fields as were checked"))
    }
}

impl<T: Real, E: EquationOfState<T>> Adjoint<T> for FromPrimitive<E> {
    /// The primitive variables.
    type Saved = Vec<Array3<T>>;

    fn record(&self, p: &E::Params, w: Vec<Array3<T>>) -> Result<(E::State, Vec<Array3<T>>)> {
        Ok((self.apply(p, w.clone())?, w))
    }

    fn vjp(
        &self,
        p: &E::Params,
        w: Vec<Array3<T>>,
        bar: E::State,
        p_bar: &mut E::Params,
    ) -> Result<Vec<Array3<T>>> {
        let c = E::parameter(p).map_err(GasError::wrap)?;
        let u_bar = E::fields(&bar);
        shapes(&u_bar, self.mesh.cells())?;
        let mut w_bar: Vec<Array3<T>> = u_bar.into_iter().cloned().collect();
        let half = T::of(0.5);
        for d in 1..4 {
            let (first, rest) = w_bar.split_at_mut(1);
            let (rho_bar, v_bar) = (&mut first[0], &mut rest[d - 1]);
            Zip::from(&mut *rho_bar)
                .and(&*v_bar)
                .and(&w[d])
                .for_each(|rho_bar, &m_bar, &v| *rho_bar += m_bar * v);
            *v_bar *= &w[0];
        }
        if E::ENERGY {
            let e_bar = w_bar[4].clone();
            for d in 1..4 {
                Zip::from(&mut w_bar[0])
                    .and(&e_bar)
                    .and(&w[d])
                    .for_each(|rho_bar, &e, &v| *rho_bar += half * e * v * v);
                Zip::from(&mut w_bar[d])
                    .and(&e_bar)
                    .and(&w[d])
                    .and(&w[0])
                    .for_each(|v_bar, &e, &v, &rho| *v_bar += e * rho * v);
            }
            let inverse = T::one() / (c - T::one());
            let of_c = State::<T>::dot(&e_bar, &w[4]);
            *E::parameter_mut(p_bar) -= T::of(of_c) * inverse * inverse;
            w_bar[4].mapv_inplace(|e| e * inverse);
        }
        Ok(w_bar)
    }
}
