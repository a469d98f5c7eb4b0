//! Checks of an inverse.

use adastra_core::{Fields, Reversible, State};

use crate::adjoint::{Fresh, check_adjoint_at, pullback};
use crate::flat::{Flat, Pair};
use crate::random::Random;
use crate::report::compare;
use crate::{CheckError, Report, Tolerances};

/// Checks a reversible operator at one point: all of [`check_adjoint_at`], `invert(apply(x)) = x`,
/// and `invert_vjp` against `vjp`, which also must add to a filled `p_bar`.
///
/// # Errors
/// The first check that fails; see [`CheckError`].
pub fn check_reversible_at<O>(
    op: &O,
    p: &O::Params,
    x: &O::In,
    seed: u64,
    tol: &Tolerances,
) -> Result<Report, CheckError>
where
    O: Reversible<f64> + ?Sized,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
{
    let mut report = check_adjoint_at(op, p, x, seed, tol)?;
    let mut random = Random::new(seed ^ 0x1b87_3593);
    let y = op
        .apply(p, x.clone())
        .map_err(CheckError::failed("apply"))?;
    let point = Pair::of(p, x);

    let back = op
        .invert(p, y.clone())
        .map_err(CheckError::failed("invert"))?;
    let back = Flat::of(&back).shaped("invert", &point.x)?;
    compare(
        "invert after apply",
        &back,
        &point.x,
        tol.inverse,
        &mut report.inverse,
    )?;

    let y_bar = Flat::of(&y).cotangent(&mut random);
    let expected = pullback(op, Fresh::Record, p, x, y_bar.to_like(&y), p.zeros_like())?;
    let start = expected.p.direction(&mut random);
    let mut p_bar = start.to_like(p);
    let (back, x_bar) = op
        .invert_vjp(p, y.clone(), y_bar.to_like(&y), &mut p_bar)
        .map_err(CheckError::failed("invert_vjp"))?;
    let back = Flat::of(&back).shaped("state of invert_vjp", &point.x)?;
    let x_bar = Flat::of(&x_bar).shaped("x_bar of invert_vjp", &point.x)?;
    let p_bar = Flat::of(&p_bar)
        .shaped("p_bar of invert_vjp", &point.p)?
        .plus(-1.0, &start);
    let seen = &mut report.inverse;
    compare("state of invert_vjp", &back, &point.x, tol.inverse, seen)?;
    compare(
        "x_bar of invert_vjp",
        &x_bar,
        &expected.x,
        tol.inverse,
        seen,
    )?;
    compare(
        "p_bar of invert_vjp",
        &p_bar,
        &expected.p,
        tol.inverse,
        seen,
    )?;
    Ok(report)
}
