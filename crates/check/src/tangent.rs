//! Checks of a forward derivative, and of the adjoint against it.

use adastra_core::{Adjoint, Fields, State, Tangent};

use crate::adjoint::{Fresh, check_adjoint_at, pullback};
use crate::flat::{Flat, Pair};
use crate::random::Random;
use crate::report::{compare, worst};
use crate::{CheckError, Report, Tolerances};

/// Checks an operator with both derivatives at one point: all of [`check_adjoint_at`], the value
/// of `jvp`, the inner products `<y_bar, J d> = <J^T y_bar, d>`, and the Taylor remainder.
///
/// # Errors
/// The first check that fails; see [`CheckError`].
pub fn check_tangent_at<O>(
    op: &O,
    p: &O::Params,
    x: &O::In,
    seed: u64,
    tol: &Tolerances,
) -> Result<Report, CheckError>
where
    O: Adjoint<f64> + Tangent<f64> + ?Sized,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
{
    let mut report = check_adjoint_at(op, p, x, seed, tol)?;
    // Other deviates than the adjoint check drew.
    let mut random = Random::new(seed ^ 0x5bd1_e995);
    let y = op
        .apply(p, x.clone())
        .map_err(CheckError::failed("apply"))?;
    let value = Flat::of(&y);
    let point = Pair::of(p, x);
    let direction = point.direction(&mut random);
    let y_bar = value.cotangent(&mut random);

    let tangent = push(op, p, x, &direction, &value, tol, &mut report)?;
    check_transpose(op, p, x, &y, &y_bar, &direction, &tangent, tol, &mut report)?;
    check_taylor(op, p, x, &value, &direction, &tangent, tol, &mut report)?;
    Ok(report)
}

/// `J d`, after a check of the value that comes with it.
fn push<O>(
    op: &O,
    p: &O::Params,
    x: &O::In,
    d: &Pair,
    value: &Flat,
    tol: &Tolerances,
    report: &mut Report,
) -> Result<Flat, CheckError>
where
    O: Tangent<f64> + ?Sized,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
{
    let (y, dy) = op
        .jvp(p, &d.p.to_like(p), x.clone(), d.x.to_like(x))
        .map_err(CheckError::failed("jvp"))?;
    let y = Flat::of(&y).shaped("value of jvp", value)?;
    compare(
        "value of jvp against apply",
        &y,
        value,
        tol.value,
        &mut report.value,
    )?;
    Flat::of(&dy).shaped("jvp", value)?.finite("jvp")
}

/// `<y_bar, J d> = <J^T y_bar, d>`, block by block.
fn check_transpose<O>(
    op: &O,
    p: &O::Params,
    x: &O::In,
    y: &O::Out,
    y_bar: &Flat,
    direction: &Pair,
    tangent: &Flat,
    tol: &Tolerances,
    report: &mut Report,
) -> Result<(), CheckError>
where
    O: Adjoint<f64> + Tangent<f64> + ?Sized,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
{
    let point = Pair::of(p, x);
    let value = Flat::of(y);
    let mut tangents = Vec::new();
    for block in point.blocks() {
        let d = direction.only(block);
        let dy = push(op, p, x, &d, &value, tol, report)?;
        tangents.push((block, d, dy));
    }
    for pick in y_bar.picks() {
        let y_bar = y_bar.only(pick);
        let bar = pullback(op, Fresh::Record, p, x, y_bar.to_like(y), p.zeros_like())?;
        // What remains of a block that vanishes analytically: rounding of the value and of the
        // whole tangent.
        let floor = value.only(pick).norm() + tangent.only(pick).norm();
        for (block, d, dy) in &tangents {
            let (found, expected) = (bar.dot(d), y_bar.dot(dy));
            let size = y_bar.norm() * dy.only(pick).norm() + bar.only(*block).norm() * d.norm();
            let error = (found - expected).abs();
            let allowed = tol.transpose * size + tol.rounding * y_bar.norm() * floor;
            // Written so that NaN fails.
            if !(error <= allowed) {
                return Err(CheckError::Derivative {
                    what: "adjoint against tangent",
                    output: y_bar.name(pick),
                    input: point.name(*block),
                    found,
                    expected,
                    error,
                    allowed,
                });
            }
            worst(
                &mut report.transpose,
                if size > 0.0 { error / size } else { 0.0 },
            );
        }
    }
    Ok(())
}

/// `|F(x + h d) - F(x) - h J d| <= C h^2`: a step 4 times shorter leaves a remainder 16 times
/// smaller. A derivative that is off by any fraction leaves one only 4 times smaller as soon as
/// that fraction exceeds the curvature's share.
fn check_taylor<O>(
    op: &O,
    p: &O::Params,
    x: &O::In,
    value: &Flat,
    d: &Pair,
    tangent: &Flat,
    tol: &Tolerances,
    report: &mut Report,
) -> Result<(), CheckError>
where
    O: Tangent<f64> + ?Sized,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
{
    let point = Pair::of(p, x);
    let mut remainders = Vec::new();
    for h in [1.0, 0.25, 0.0625].map(|fraction| fraction * tol.step) {
        let moved = point.plus(h, d);
        let Ok(y) = op.apply(&moved.p.to_like(p), moved.x.to_like(x)) else {
            continue;
        };
        if let Ok(y) = Flat::of(&y).finite("apply") {
            remainders.push(y.plus(-1.0, value).plus(-h, tangent));
        }
    }
    let [.., coarse, fine] = remainders.as_slice() else {
        return Err(CheckError::NoDifference {
            input: "parameters and input".to_owned(),
        });
    };
    for pick in value.picks() {
        let size = value.only(pick).norm() + tangent.only(pick).norm();
        let noise = 10.0 * tol.rounding * size;
        let (coarse, fine) = (coarse.only(pick).norm(), fine.only(pick).norm());
        // Half way between the 4 of a wrong and the 16 of a right derivative; NaN fails.
        if !(fine <= coarse / 8.0 + noise) {
            return Err(CheckError::Taylor {
                output: value.name(pick),
                coarse,
                fine,
            });
        }
        if fine > noise {
            let order = (coarse / fine).log(4.0);
            report.taylor_order = Some(report.taylor_order.map_or(order, |x| x.min(order)));
        }
    }
    Ok(())
}
