//! Single against double precision.

use adastra_core::{Adjoint, Fields, State};

use crate::flat::Flat;
use crate::random::Random;
use crate::report::compare;
use crate::{CheckError, Report, Tolerances};

/// Compares value and gradient of an operator in f32 with those in f64, at the point `(p, x)` of
/// the f32 operator.
///
/// `p64` and `x64` give the shapes of the f64 point; their numbers are replaced by those of `p`
/// and `x`, so both operators see the same input. The cotangent is drawn from `seed`.
///
/// # Errors
/// The first comparison that exceeds [`Tolerances::precision`], or a value that is not finite.
pub fn check_precision_at<A, B>(
    (op, p, x): (&A, &A::Params, &A::In),
    (op64, p64, x64): (&B, &B::Params, &B::In),
    seed: u64,
    tol: &Tolerances,
) -> Result<Report, CheckError>
where
    A: Adjoint<f32> + ?Sized,
    A::Params: Fields<f32>,
    A::In: Fields<f32>,
    A::Out: Fields<f32>,
    B: Adjoint<f64> + ?Sized,
    B::Params: Fields<f64>,
    B::In: Fields<f64>,
    B::Out: Fields<f64>,
{
    let mut report = Report::default();
    let p64 = Flat::of(p)
        .shaped("parameters in f32", &Flat::of(p64))?
        .to_like(p64);
    let x64 = Flat::of(x)
        .shaped("input in f32", &Flat::of(x64))?
        .to_like(x64);

    let (y, saved) = op
        .record(p, x.clone())
        .map_err(CheckError::failed("record in f32"))?;
    let (y64, saved64) = op64
        .record(&p64, x64)
        .map_err(CheckError::failed("record in f64"))?;
    let expected = Flat::of(&y64).finite("value in f64")?;
    let found = Flat::of(&y).shaped("value in f32", &expected)?;
    compare(
        "value in f32",
        &found,
        &expected,
        tol.precision,
        &mut report.value_f32,
    )?;

    // Rounded to f32 first, so that both see the same cotangent.
    let y_bar = expected.cotangent(&mut Random::new(seed)).to_like(&y);
    let y_bar64 = Flat::of(&y_bar).to_like(&y64);
    let (mut p_bar, mut p_bar64) = (p.zeros_like(), p64.zeros_like());
    let x_bar = op
        .vjp(p, saved, y_bar, &mut p_bar)
        .map_err(CheckError::failed("vjp in f32"))?;
    let x_bar64 = op64
        .vjp(&p64, saved64, y_bar64, &mut p_bar64)
        .map_err(CheckError::failed("vjp in f64"))?;
    let (x_bar64, p_bar64) = (Flat::of(&x_bar64), Flat::of(&p_bar64));
    let seen = &mut report.gradient_f32;
    let x_bar = Flat::of(&x_bar).shaped("x_bar in f32", &x_bar64)?;
    compare(
        "x_bar in f32",
        &x_bar,
        &x_bar64.finite("x_bar in f64")?,
        tol.precision,
        seen,
    )?;
    let p_bar = Flat::of(&p_bar).shaped("p_bar in f32", &p_bar64)?;
    compare(
        "p_bar in f32",
        &p_bar,
        &p_bar64.finite("p_bar in f64")?,
        tol.precision,
        seen,
    )?;
    Ok(report)
}
