//! Pendulums under a shared mean field: a nonlinear, symplectic, reversible step.
// Each test file uses a part.
#![allow(dead_code)]

use adastra_core::{
    Adjoint, Error, Fields, Operator, Real, Result, Reversible, State, Steps, Tangent, state,
};
use ndarray::Array1;

state! {
    /// Angles and angular velocities.
    #[derive(Debug, PartialEq)]
    pub(crate) struct Pendulums<T> {
        /// Angles.
        pub(crate) q: Array1<T>,
        /// Velocities.
        pub(crate) v: Array1<T>,
    }
}

state! {
    /// Strength of gravity and of the coupling.
    #[derive(Debug, PartialEq)]
    pub(crate) struct Strength<T> {
        /// Square of the frequency.
        pub(crate) gravity: T,
        /// Pull towards the mean of the sines.
        pub(crate) coupling: T,
    }
}

/// `v -= dt (g sin q + c mean(sin q))`, then `q += dt v`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Swing {
    pub(crate) dt: f64,
    /// Fails where the first angle exceeds this.
    pub(crate) limit: f64,
}

impl Swing {
    pub(crate) fn new(dt: f64) -> Self {
        Self {
            dt,
            limit: f64::INFINITY,
        }
    }

    fn guard<T: Real>(&self, x: &Pendulums<T>) -> Result<()> {
        match x.q.first() {
            Some(q) if q.f64() > self.limit => Err(Error::Range {
                name: "angle".to_owned(),
                value: q.f64(),
                allowed: "below the limit",
            }),
            _ => Ok(()),
        }
    }
}

fn mean<T: Real>(x: &Array1<T>) -> T {
    x.sum() / T::of(x.len() as f64)
}

impl<T: Real> Operator<T> for Swing {
    type Params = Strength<T>;
    type In = Pendulums<T>;
    type Out = Pendulums<T>;
    fn apply(&self, p: &Strength<T>, mut x: Pendulums<T>) -> Result<Pendulums<T>> {
        self.guard(&x)?;
        let dt = T::of(self.dt);
        let sine = x.q.mapv(T::sin);
        let pull = p.coupling * mean(&sine);
        x.v.zip_mut_with(&sine, |v, &s| *v -= dt * (p.gravity * s + pull));
        x.q.zip_mut_with(&x.v, |q, &v| *q += dt * v);
        Ok(x)
    }
}

impl<T: Real> Tangent<T> for Swing {
    fn jvp(
        &self,
        p: &Strength<T>,
        dp: &Strength<T>,
        x: Pendulums<T>,
        mut dx: Pendulums<T>,
    ) -> Result<(Pendulums<T>, Pendulums<T>)> {
        let dt = T::of(self.dt);
        let sine = x.q.mapv(T::sin);
        let mut slope = x.q.mapv(T::cos);
        slope.zip_mut_with(&dx.q, |c, &dq| *c *= dq);
        let pull = dp.coupling * mean(&sine) + p.coupling * mean(&slope);
        for i in 0..sine.len() {
            dx.v[i] -= dt * (dp.gravity * sine[i] + p.gravity * slope[i] + pull);
            dx.q[i] += dt * dx.v[i];
        }
        Ok((self.apply(p, x)?, dx))
    }
}

impl<T: Real> Adjoint<T> for Swing {
    type Saved = Array1<T>;
    fn record(&self, p: &Strength<T>, x: Pendulums<T>) -> Result<(Pendulums<T>, Array1<T>)> {
        let q = x.q.clone();
        Ok((self.apply(p, x)?, q))
    }
    fn vjp(
        &self,
        p: &Strength<T>,
        q: Array1<T>,
        mut bar: Pendulums<T>,
        p_bar: &mut Strength<T>,
    ) -> Result<Pendulums<T>> {
        let dt = T::of(self.dt);
        bar.v.axpy(dt, &bar.q);
        let sine = q.mapv(T::sin);
        let sum = bar.v.sum();
        p_bar.gravity -= dt * bar.v.iter().zip(&sine).map(|(&b, &s)| b * s).sum::<T>();
        p_bar.coupling -= dt * sum * mean(&sine);
        let pull = p.coupling * sum / T::of(q.len() as f64);
        for i in 0..q.len() {
            bar.q[i] -= dt * q[i].cos() * (p.gravity * bar.v[i] + pull);
        }
        Ok(bar)
    }
}

impl<T: Real> Reversible<T> for Swing {
    fn invert(&self, p: &Strength<T>, mut y: Pendulums<T>) -> Result<Pendulums<T>> {
        let dt = T::of(self.dt);
        y.q.zip_mut_with(&y.v, |q, &v| *q -= dt * v);
        let sine = y.q.mapv(T::sin);
        let pull = p.coupling * mean(&sine);
        y.v.zip_mut_with(&sine, |v, &s| *v += dt * (p.gravity * s + pull));
        Ok(y)
    }
}

/// Steps of different lengths.
#[derive(Debug, Clone)]
pub(crate) struct Swings {
    pub(crate) dt: Vec<f64>,
}

impl Swings {
    /// Lengths that differ from step to step.
    pub(crate) fn uneven(n: usize) -> Self {
        Self {
            dt: (0..n).map(|i| 0.05 + 0.02 * (i as f64).sin()).collect(),
        }
    }
}

impl<T: Real> Steps<T> for Swings {
    type Params = Strength<T>;
    type State = Pendulums<T>;
    type Step<'a> = Swing;
    fn len(&self) -> usize {
        self.dt.len()
    }
    fn step(&self, i: usize) -> Swing {
        Swing::new(self.dt[i])
    }
    fn saved_bytes(&self, state: &Pendulums<T>) -> usize {
        state.q.bytes()
    }
}

/// Some pendulums.
pub(crate) fn start<T: Real>() -> (Strength<T>, Pendulums<T>) {
    let x = Pendulums {
        q: Array1::from_iter([0.3, -1.1, 2.0, 0.7].map(T::of)),
        v: Array1::from_iter([0.1, 0.4, -0.2, 0.0].map(T::of)),
    };
    (
        Strength {
            gravity: T::of(1.3),
            coupling: T::of(0.4),
        },
        x,
    )
}

/// `(|q|^2 + |v|^2 / 2) / 2` and its gradient.
pub(crate) fn loss<T: Real>(y: &Pendulums<T>) -> Result<(f64, Pendulums<T>)> {
    let half = T::of(0.5);
    let value = 0.5 * State::<T>::dot(&y.q, &y.q) + 0.25 * State::<T>::dot(&y.v, &y.v);
    Ok((
        value,
        Pendulums {
            q: y.q.clone(),
            v: y.v.mapv(|v| half * v),
        },
    ))
}
