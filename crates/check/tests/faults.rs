//! The harness catches wrong derivatives and accepts right ones.

use adastra_check::{
    CheckError, Tolerances, check_adjoint_at, check_precision_at, check_reversible_at,
    check_tangent_at,
};
use adastra_core::{Adjoint, Operator, Real, Result, Reversible, State, Tangent, state};
use ndarray::{Array1, Array2, array};
use num_complex::Complex;

state! {
    /// Two parameters of very different size and influence.
    #[derive(Debug)]
    struct Strengths<T> {
        /// Order of 1e7.
        heavy: T,
        /// Order of 1e-6, with an influence of 1e-3 of the other's.
        light: T,
    }
}

state! {
    /// A wave and a cloud.
    #[derive(Debug)]
    struct Matter<T> {
        /// Complex field.
        wave: Array2<Complex<T>>,
        /// Real field.
        velocity: Array1<T>,
    }
}

/// What is wrong with the operator.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    Sign,
    Fraction(f64),
    Conjugate,
    ForgottenParameter,
    ForgottenCoupling,
    Overwrite,
    ReadsPBar,
    Nan,
    NanTangent,
    Record,
    Tangent(f64),
    TangentValue,
    Inverse(f64),
    InverseForgetsParameter,
}

/// A nonlinear, reversible map that couples both fields:
/// `phi = heavy 1e-7 sum(v^2) + light 1e3 sum(v)`, `wave *= exp(-i phi)`; velocities stay.
struct Rotate(Fault);

fn phase<T: Real>(p: &Strengths<T>, v: &Array1<T>) -> T {
    let square = v.iter().map(|&v| v * v).sum::<T>();
    p.heavy * T::of(1e-7) * square + p.light * T::of(1e3) * v.sum()
}

impl<T: Real> Operator<T> for Rotate {
    type Params = Strengths<T>;
    type In = Matter<T>;
    type Out = Matter<T>;
    fn apply(&self, p: &Strengths<T>, mut x: Matter<T>) -> Result<Matter<T>> {
        let (sin, cos) = phase(p, &x.velocity).sin_cos();
        x.wave.mapv_inplace(|z| z * Complex::new(cos, -sin));
        Ok(x)
    }
}

impl<T: Real> Tangent<T> for Rotate {
    fn jvp(
        &self,
        p: &Strengths<T>,
        dp: &Strengths<T>,
        x: Matter<T>,
        dx: Matter<T>,
    ) -> Result<(Matter<T>, Matter<T>)> {
        let (c, k, two) = (T::of(1e-7), T::of(1e3), T::of(2.0));
        let v = &x.velocity;
        let square = v.iter().map(|&v| v * v).sum::<T>();
        let cross = v
            .iter()
            .zip(&dx.velocity)
            .map(|(&v, &dv)| v * dv)
            .sum::<T>();
        let dphi = dp.heavy * c * square
            + dp.light * k * v.sum()
            + p.heavy * c * two * cross
            + p.light * k * dx.velocity.sum();
        let mut y = self.apply(p, x.clone())?;
        let turn = self.apply(
            p,
            Matter {
                wave: dx.wave,
                velocity: x.velocity,
            },
        )?;
        let mut dy = Matter {
            wave: turn.wave,
            velocity: dx.velocity,
        };
        let scale = if let Fault::Tangent(e) = self.0 {
            T::of(1.0 + e)
        } else {
            T::one()
        };
        dy.wave.zip_mut_with(&y.wave, |d, &z| {
            *d = (*d + Complex::new(z.im, -z.re) * dphi) * scale;
        });
        if self.0 == Fault::TangentValue {
            y.velocity[0] += T::of(1e-9);
        }
        if self.0 == Fault::NanTangent {
            dy.velocity[0] = T::nan();
        }
        Ok((y, dy))
    }
}

impl<T: Real> Adjoint<T> for Rotate {
    type Saved = Matter<T>;
    fn record(&self, p: &Strengths<T>, x: Matter<T>) -> Result<(Matter<T>, Matter<T>)> {
        let mut y = self.apply(p, x.clone())?;
        if self.0 == Fault::Record {
            y.wave[[0, 0]].re *= T::one() + T::epsilon();
        }
        Ok((y, x))
    }
    fn vjp(
        &self,
        p: &Strengths<T>,
        x: Matter<T>,
        y_bar: Matter<T>,
        p_bar: &mut Strengths<T>,
    ) -> Result<Matter<T>> {
        let (c, k, two) = (T::of(1e-7), T::of(1e3), T::of(2.0));
        let (sin, cos) = phase(p, &x.velocity).sin_cos();
        let turn = Complex::new(cos, -sin);
        // dy = -i y dphi
        let phi_bar = x.wave.iter().zip(&y_bar.wave).map(|(&z, &b)| {
            let y = z * turn;
            b.re * y.im - b.im * y.re
        });
        let mut phi_bar = phi_bar.sum::<T>();
        let back = if self.0 == Fault::Conjugate {
            turn
        } else {
            turn.conj()
        };
        let mut x_bar = Matter {
            wave: y_bar.wave.mapv(|b| b * back),
            velocity: y_bar.velocity,
        };
        match self.0 {
            Fault::Sign => phi_bar = -phi_bar,
            Fault::Fraction(e) => phi_bar *= T::of(1.0 + e),
            Fault::Nan => phi_bar = T::nan(),
            _ => {}
        }
        let v = &x.velocity;
        let square = v.iter().map(|&v| v * v).sum::<T>();
        let heavy = p_bar.heavy;
        p_bar.heavy += c * square * phi_bar;
        match self.0 {
            Fault::ForgottenParameter => {}
            Fault::Overwrite => p_bar.light = k * v.sum() * phi_bar,
            _ => p_bar.light += k * v.sum() * phi_bar,
        }
        if self.0 != Fault::ForgottenCoupling {
            let slope = |v: T| p.heavy * c * two * v + p.light * k;
            x_bar
                .velocity
                .zip_mut_with(v, |b, &v| *b += slope(v) * phi_bar);
        }
        if self.0 == Fault::ReadsPBar {
            x_bar.velocity[0] += heavy * T::of(1e-3);
        }
        Ok(x_bar)
    }
}

impl<T: Real> Reversible<T> for Rotate {
    fn invert(&self, p: &Strengths<T>, mut y: Matter<T>) -> Result<Matter<T>> {
        let mut phi = phase(p, &y.velocity);
        if let Fault::Inverse(e) = self.0 {
            phi *= T::of(1.0 + e);
        }
        if self.0 == Fault::InverseForgetsParameter {
            phi -= p.light * T::of(1e3) * y.velocity.sum();
        }
        let (sin, cos) = phi.sin_cos();
        y.wave.mapv_inplace(|z| z * Complex::new(cos, sin));
        Ok(y)
    }
}

fn point<T: Real>() -> (Strengths<T>, Matter<T>) {
    let p = Strengths {
        heavy: T::of(1.3e7),
        light: T::of(0.9e-6),
    };
    let z = |re: f64, im: f64| Complex::new(T::of(re), T::of(im));
    let wave = array![[z(0.4, -0.2), z(1.1, 0.3)], [z(-0.7, 0.8), z(0.1, 0.5)]];
    (
        p,
        Matter {
            wave,
            velocity: array![0.3, -0.4, 0.8].mapv(T::of),
        },
    )
}

fn adjoint(fault: Fault) -> Result<(), CheckError> {
    let (p, x) = point();
    (0..4).try_for_each(|seed| {
        check_adjoint_at(&Rotate(fault), &p, &x, seed, &Tolerances::default()).map(drop)
    })
}

fn tangent(fault: Fault) -> Result<(), CheckError> {
    let (p, x) = point();
    (0..4).try_for_each(|seed| {
        check_tangent_at(&Rotate(fault), &p, &x, seed, &Tolerances::default()).map(drop)
    })
}

fn reversible(fault: Fault) -> Result<(), CheckError> {
    let (p, x) = point();
    (0..4).try_for_each(|seed| {
        check_reversible_at(&Rotate(fault), &p, &x, seed, &Tolerances::default()).map(drop)
    })
}

#[test]
fn a_right_operator_passes_every_check() {
    adjoint(Fault::None).unwrap();
    tangent(Fault::None).unwrap();
    reversible(Fault::None).unwrap();
}

#[test]
fn the_report_holds_what_was_measured() {
    let (p, x) = point();
    let tol = Tolerances::default();
    let report = check_tangent_at(&Rotate(Fault::None), &p, &x, 3, &tol).unwrap();
    assert!(report.difference.unwrap() < 1e-8, "{report}");
    assert!(report.transpose.unwrap() < 1e-14, "{report}");
    assert!((report.taylor_order.unwrap() - 2.0).abs() < 0.1, "{report}");
    assert!(report.inverse.is_none());
    assert_eq!(report.to_string().lines().count(), 5);
}

#[test]
fn a_wrong_sign_is_caught() {
    assert!(matches!(
        adjoint(Fault::Sign),
        Err(CheckError::Derivative { .. })
    ));
}

#[test]
fn small_errors_are_caught() {
    for error in [1e-2, 1e-3, 1e-5] {
        for e in [error, -error] {
            let found = adjoint(Fault::Fraction(e));
            assert!(
                matches!(found, Err(CheckError::Derivative { .. })),
                "{e}: {found:?}"
            );
        }
    }
}

#[test]
fn the_tangent_finds_even_smaller_errors() {
    assert!(adjoint(Fault::Fraction(1e-9)).is_ok());
    assert!(matches!(
        tangent(Fault::Fraction(1e-9)),
        Err(CheckError::Derivative { .. })
    ));
}

#[test]
fn a_conjugated_gradient_is_caught() {
    assert!(matches!(
        adjoint(Fault::Conjugate),
        Err(CheckError::Derivative { .. })
    ));
}

#[test]
fn a_forgotten_parameter_is_caught_and_named() {
    let Err(CheckError::Derivative { input, output, .. }) = adjoint(Fault::ForgottenParameter)
    else {
        panic!("not caught")
    };
    assert_eq!(
        (input.as_str(), output.as_str()),
        ("parameter light", "wave")
    );
}

#[test]
fn a_forgotten_coupling_is_caught_and_named() {
    let Err(CheckError::Derivative { input, output, .. }) = adjoint(Fault::ForgottenCoupling)
    else {
        panic!("not caught")
    };
    assert_eq!(
        (input.as_str(), output.as_str()),
        ("input velocity", "wave")
    );
}

#[test]
fn overwriting_instead_of_adding_is_caught() {
    let Err(CheckError::Field { field, .. }) = adjoint(Fault::Overwrite) else {
        panic!("not caught")
    };
    assert_eq!(field, "light");
}

#[test]
fn an_input_cotangent_that_depends_on_p_bar_is_caught() {
    assert!(matches!(
        adjoint(Fault::ReadsPBar),
        Err(CheckError::Bits { .. })
    ));
}

#[test]
fn nan_is_caught() {
    assert!(matches!(
        adjoint(Fault::Nan),
        Err(CheckError::NonFinite { what: "p_bar", .. })
    ));
    assert!(matches!(
        tangent(Fault::NanTangent),
        Err(CheckError::NonFinite { what: "jvp", .. })
    ));
}

#[test]
fn a_record_that_differs_in_the_last_bit_is_caught() {
    let Err(CheckError::Bits { field, index, .. }) = adjoint(Fault::Record) else {
        panic!("not caught")
    };
    assert_eq!((field.as_str(), index), ("wave", 0));
}

#[test]
fn a_wrong_tangent_is_caught() {
    for e in [1e-2, 1e-3, -1e-9] {
        assert!(matches!(
            tangent(Fault::Tangent(e)),
            Err(CheckError::Derivative { .. })
        ));
    }
    assert!(matches!(
        tangent(Fault::TangentValue),
        Err(CheckError::Field { .. })
    ));
}

#[test]
fn a_wrong_inverse_is_caught() {
    for fault in [
        Fault::Inverse(1e-3),
        Fault::Inverse(1e-8),
        Fault::InverseForgetsParameter,
    ] {
        assert!(
            matches!(reversible(fault), Err(CheckError::Field { .. })),
            "{fault:?}"
        );
        // The adjoint itself is right.
        adjoint(fault).unwrap();
    }
}

#[test]
fn single_precision_agrees_with_double() {
    let ((p, x), (p64, x64)) = (point::<f32>(), point::<f64>());
    let (right, tol) = (Rotate(Fault::None), Tolerances::default());
    let report = check_precision_at((&right, &p, &x), (&right, &p64, &x64), 1, &tol).unwrap();
    assert!(report.value_f32.unwrap() < 1e-6 && report.gradient_f32.unwrap() < 1e-5);

    for fault in [
        Fault::Fraction(1e-3),
        Fault::Overwrite,
        Fault::Nan,
        Fault::ForgottenParameter,
    ] {
        let found = check_precision_at((&Rotate(fault), &p, &x), (&right, &p64, &x64), 1, &tol);
        // Overwriting a zero is no error of precision.
        assert_eq!(found.is_ok(), fault == Fault::Overwrite, "{fault:?}");
    }
}

/// A cotangent of another shape, which a wrong `In` for an array of dynamic shape allows.
struct Shrinks;
impl Operator<f64> for Shrinks {
    type Params = ();
    type In = Array1<f64>;
    type Out = Array1<f64>;
    fn apply(&self, (): &(), x: Array1<f64>) -> Result<Array1<f64>> {
        Ok(array![x.sum()])
    }
}
impl Adjoint<f64> for Shrinks {
    type Saved = ();
    fn record(&self, p: &(), x: Array1<f64>) -> Result<(Array1<f64>, ())> {
        Ok((self.apply(p, x)?, ()))
    }
    fn vjp(&self, (): &(), (): (), y_bar: Array1<f64>, (): &mut ()) -> Result<Array1<f64>> {
        Ok(y_bar)
    }
}

#[test]
fn a_cotangent_of_another_shape_is_caught() {
    let x = array![1.0, 2.0, 3.0];
    let found = check_adjoint_at(&Shrinks, &(), &x, 0, &Tolerances::default());
    assert!(matches!(found, Err(CheckError::Shape { what: "x_bar" })));
}

/// `sqrt(x)`, which fails at negative `x`.
struct Root;
impl Operator<f64> for Root {
    type Params = ();
    type In = f64;
    type Out = f64;
    fn apply(&self, (): &(), x: f64) -> Result<f64> {
        Ok(x.sqrt())
    }
}
impl Adjoint<f64> for Root {
    type Saved = f64;
    fn record(&self, (): &(), x: f64) -> Result<(f64, f64)> {
        Ok((x.sqrt(), x))
    }
    fn vjp(&self, (): &(), x: f64, y_bar: f64, (): &mut ()) -> Result<f64> {
        Ok(y_bar * 0.5 / x.sqrt())
    }
}

#[test]
fn the_edge_of_the_domain_is_no_derivative() {
    let tol = Tolerances::default();
    check_adjoint_at(&Root, &(), &1e-4, 0, &tol).unwrap();
    // At zero the derivative is infinite.
    assert!(check_adjoint_at(&Root, &(), &0.0, 0, &tol).is_err());
    assert!(check_adjoint_at(&Root, &(), &-1.0, 0, &tol).is_err());
}

/// `p_bar` of a state that is zero: directions then have unit size.
#[test]
fn a_vanishing_field_is_still_checked() {
    let (p, mut x) = point::<f64>();
    x.velocity = x.velocity.zeros_like();
    let tol = Tolerances::default();
    check_tangent_at(&Rotate(Fault::None), &p, &x, 0, &tol).unwrap();
    assert!(check_adjoint_at(&Rotate(Fault::ForgottenCoupling), &p, &x, 0, &tol).is_err());
}
