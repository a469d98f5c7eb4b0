//! Composed operators pass the checks of their parts.

mod common;

use adastra_check as check;
use adastra_core::{
    Adjoint, Focus, Lift, Operator, Result, Reversible, Seq, Shared, Tangent, state,
};
use common::{Pendulums, Strength, Swing};
use ndarray::Array1;
use proptest::prelude::Strategy;

/// `q, v -> -v, q`, without parameters.
struct Turn;

impl Operator<f64> for Turn {
    type Params = ();
    type In = Pendulums<f64>;
    type Out = Pendulums<f64>;
    fn apply(&self, (): &(), x: Pendulums<f64>) -> Result<Pendulums<f64>> {
        Ok(Pendulums { q: -x.v, v: x.q })
    }
}

impl Tangent<f64> for Turn {
    fn jvp(
        &self,
        p: &(),
        (): &(),
        x: Pendulums<f64>,
        dx: Pendulums<f64>,
    ) -> Result<(Pendulums<f64>, Pendulums<f64>)> {
        Ok((self.apply(p, x)?, self.apply(p, dx)?))
    }
}

impl Adjoint<f64> for Turn {
    type Saved = ();
    fn record(&self, p: &(), x: Pendulums<f64>) -> Result<(Pendulums<f64>, ())> {
        Ok((self.apply(p, x)?, ()))
    }
    fn vjp(&self, p: &(), (): (), y_bar: Pendulums<f64>, (): &mut ()) -> Result<Pendulums<f64>> {
        self.invert(p, y_bar)
    }
}

impl Reversible<f64> for Turn {
    fn invert(&self, (): &(), y: Pendulums<f64>) -> Result<Pendulums<f64>> {
        Ok(Pendulums { q: y.v, v: -y.q })
    }
}

/// `sum q v`: not reversible, and of another output.
struct Action;

impl Operator<f64> for Action {
    type Params = ();
    type In = Pendulums<f64>;
    type Out = f64;
    fn apply(&self, (): &(), x: Pendulums<f64>) -> Result<f64> {
        Ok((x.q * x.v).sum())
    }
}

impl Tangent<f64> for Action {
    fn jvp(&self, p: &(), (): &(), x: Pendulums<f64>, dx: Pendulums<f64>) -> Result<(f64, f64)> {
        let dy = (&x.q * &dx.v + &dx.q * &x.v).sum();
        Ok((self.apply(p, x)?, dy))
    }
}

impl Adjoint<f64> for Action {
    type Saved = Pendulums<f64>;
    fn record(&self, p: &(), x: Pendulums<f64>) -> Result<(f64, Pendulums<f64>)> {
        Ok((self.apply(p, x.clone())?, x))
    }
    fn vjp(&self, (): &(), x: Pendulums<f64>, y_bar: f64, (): &mut ()) -> Result<Pendulums<f64>> {
        Ok(Pendulums {
            q: y_bar * x.v,
            v: y_bar * x.q,
        })
    }
}

state! {
    /// Parameters of a run.
    #[derive(Debug)]
    struct Params<T> {
        /// On earth.
        earth: Strength<T>,
        /// On the moon.
        moon: Strength<T>,
        /// Read by nobody.
        tide: Array1<T>,
    }
}

fn strength() -> impl Strategy<Value = Strength<f64>> {
    (0.5..2.0, -1.0..1.0).prop_map(|(gravity, coupling)| Strength { gravity, coupling })
}

fn params() -> impl Strategy<Value = Params<f64>> {
    (strength(), strength(), check::real(2, 0.0..1.0)).prop_map(|(earth, moon, tide)| Params {
        earth,
        moon,
        tide,
    })
}

fn pendulums() -> impl Strategy<Value = Pendulums<f64>> {
    (check::real(3, -2.0..2.0), check::real(3, -1.0..1.0)).prop_map(|(q, v)| Pendulums { q, v })
}

fn earth() -> Focus<Swing, Params<f64>, Strength<f64>> {
    Focus::new(
        Swing::new(0.2),
        |p: &Params<f64>| &p.earth,
        |p| &mut p.earth,
    )
}

fn moon() -> Focus<Swing, Params<f64>, Strength<f64>> {
    Focus::new(Swing::new(0.3), |p: &Params<f64>| &p.moon, |p| &mut p.moon)
}

#[test]
fn sequences_pass() {
    let op = Seq(Swing::new(0.2), Seq(Turn, Swing::new(0.1)));
    let inputs = || {
        (
            (strength(), (proptest::strategy::Just(()), strength())),
            pendulums(),
        )
    };
    check::tangent(&op, inputs());
    check::reversible(&op, inputs());
}

#[test]
fn sequences_of_shared_parameters_pass() {
    let op = Shared(Swing::new(0.2), Shared(Lift::new(Turn), Swing::new(0.1)));
    check::tangent(&op, (strength(), pendulums()));
    check::reversible(&op, (strength(), pendulums()));
}

#[test]
fn focused_and_lifted_operators_pass() {
    let op = Shared(earth(), Shared(Lift::new(Turn), moon()));
    check::tangent(&op, (params(), pendulums()));
    check::reversible(&op, (params(), pendulums()));
    let scalar = Shared(op, Lift::new(Action));
    check::tangent(&scalar, (params(), pendulums()));
}

#[test]
fn a_focus_reads_and_differentiates_one_field_only() {
    let p = Params {
        earth: Strength {
            gravity: 1.0,
            coupling: 0.1,
        },
        moon: Strength {
            gravity: f64::NAN,
            coupling: f64::NAN,
        },
        tide: Array1::zeros(2),
    };
    let x = Pendulums {
        q: ndarray::array![0.4],
        v: ndarray::array![0.2],
    };
    let (y, saved) = earth().record(&p, x.clone()).unwrap();
    assert_eq!(y, Swing::new(0.2).apply(&p.earth, x).unwrap());
    let mut p_bar = adastra_core::State::<f64>::zeros_like(&p);
    earth().vjp(&p, saved, y, &mut p_bar).unwrap();
    assert!(p_bar.earth.gravity != 0.0);
    assert_eq!(
        p_bar.moon,
        Strength {
            gravity: 0.0,
            coupling: 0.0
        }
    );
}
