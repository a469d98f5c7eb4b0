//! Checks that any [`Adjoint`] must pass.

use adastra_core::{Adjoint, Fields, State};

use crate::flat::{Flat, Pair};
use crate::random::Random;
use crate::report::{same_bits, worst};
use crate::{CheckError, Report, Tolerances};

/// Checks an adjoint at one point: `record` against `apply`, accumulation into `p_bar`, and
/// central differences of `apply` against `vjp`.
///
/// Directions and cotangents are drawn from `seed`.
///
/// # Errors
/// The first check that fails; see [`CheckError`].
pub fn check_adjoint_at<O>(
    op: &O,
    p: &O::Params,
    x: &O::In,
    seed: u64,
    tol: &Tolerances,
) -> Result<Report, CheckError>
where
    O: Adjoint<f64> + ?Sized,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
{
    let mut random = Random::new(seed);
    let mut report = Report::default();
    let y = op
        .apply(p, x.clone())
        .map_err(CheckError::failed("apply"))?;
    let (recorded, _) = op
        .record(p, x.clone())
        .map_err(CheckError::failed("record"))?;
    let value = Flat::of(&y).finite("apply")?;
    let recorded = Flat::of(&recorded).shaped("record", &value)?;
    same_bits("record against apply", &recorded, &value)?;

    let y_bar = value.cotangent(&mut random);
    check_accumulation(op, p, x, &y, &y_bar, &mut random, tol, &mut report)?;
    check_differences(op, p, x, &y, &y_bar, &mut random, tol, &mut report)?;
    Ok(report)
}

/// Where a pullback has its saved values from; both must lead to the same bits.
#[derive(Clone, Copy)]
pub(crate) enum Fresh {
    Record,
    Save,
}

/// One pullback: `(p_bar, x_bar)`, starting from the given `p_bar`.
pub(crate) fn pullback<O>(
    op: &O,
    fresh: Fresh,
    p: &O::Params,
    x: &O::In,
    y_bar: O::Out,
    mut p_bar: O::Params,
) -> Result<Pair, CheckError>
where
    O: Adjoint<f64> + ?Sized,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
{
    let saved = match fresh {
        Fresh::Record => op.record(p, x.clone()).map(|(_, saved)| saved),
        Fresh::Save => op.save(p, x.clone()),
    };
    let saved = saved.map_err(CheckError::failed("record"))?;
    let x_bar = op
        .vjp(p, saved, y_bar, &mut p_bar)
        .map_err(CheckError::failed("vjp"))?;
    Ok(Pair {
        p: Flat::of(&p_bar)
            .shaped("p_bar", &Flat::of(p))?
            .finite("p_bar")?,
        x: Flat::of(&x_bar)
            .shaped("x_bar", &Flat::of(x))?
            .finite("x_bar")?,
    })
}

/// `vjp` into a filled `p_bar` must add to it, and must not let it leak into `x_bar`.
fn check_accumulation<O>(
    op: &O,
    p: &O::Params,
    x: &O::In,
    y: &O::Out,
    y_bar: &Flat,
    random: &mut Random,
    tol: &Tolerances,
    report: &mut Report,
) -> Result<(), CheckError>
where
    O: Adjoint<f64> + ?Sized,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
{
    let zero = pullback(op, Fresh::Record, p, x, y_bar.to_like(y), p.zeros_like())?;
    // Of the size of the gradient, so that neither summand hides the other.
    let start = zero.p.direction(random);
    let filled = pullback(op, Fresh::Save, p, x, y_bar.to_like(y), start.to_like(p))?;
    same_bits("x_bar for another p_bar", &filled.x, &zero.x)?;
    let difference = filled.p.plus(-1.0, &start).plus(-1.0, &zero.p);
    for i in 0..start.0.len() {
        let pick = Some(i);
        let error = difference.only(pick).norm();
        let size = start.only(pick).norm() + zero.p.only(pick).norm();
        let allowed = tol.accumulation * size;
        // Written so that NaN fails.
        if !(error <= allowed) {
            let (what, field) = ("accumulation into p_bar", start.name(pick));
            return Err(CheckError::Field {
                what,
                field,
                error,
                allowed,
            });
        }
        worst(
            &mut report.accumulation,
            if size > 0.0 { error / size } else { 0.0 },
        );
    }
    Ok(())
}

/// Central differences along each block of the domain, against the pullback of each block of the
/// codomain.
fn check_differences<O>(
    op: &O,
    p: &O::Params,
    x: &O::In,
    y: &O::Out,
    y_bar: &Flat,
    random: &mut Random,
    tol: &Tolerances,
    report: &mut Report,
) -> Result<(), CheckError>
where
    O: Adjoint<f64> + ?Sized,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
{
    let point = Pair::of(p, x);
    let direction = point.direction(random);
    let value = Flat::of(y);
    let outputs: Vec<_> = y_bar
        .picks()
        .into_iter()
        .map(|pick| {
            let y_bar = y_bar.only(pick);
            let bar = pullback(op, Fresh::Record, p, x, y_bar.to_like(y), p.zeros_like())?;
            Ok((pick, y_bar, bar))
        })
        .collect::<Result<_, CheckError>>()?;

    for block in point.blocks() {
        let d = direction.only(block);
        let quotients = quotients(op, p, x, &point, &d, tol.step);
        if quotients.is_empty() {
            return Err(CheckError::NoDifference {
                input: point.name(block),
            });
        }
        for (pick, y_bar, bar) in &outputs {
            let found = bar.dot(&d);
            let value = value.only(*pick).norm();
            // The estimate that agrees best: a wrong adjoint agrees with none.
            let mut best: Option<(f64, f64, f64, f64)> = None;
            for (h, quotient) in &quotients {
                let expected = y_bar.dot(quotient);
                let size = y_bar.norm() * quotient.only(*pick).norm();
                let noise = y_bar.norm() * value * tol.rounding / h;
                let error = (found - expected).abs();
                let allowed = tol.difference * size + noise;
                if best.is_none_or(|(e, _, _, a)| error / allowed < e / a) {
                    best = Some((error, expected, size, allowed));
                }
            }
            let Some((error, expected, size, allowed)) = best else {
                continue;
            };
            // Written so that NaN fails.
            if !(error <= allowed) {
                return Err(CheckError::Derivative {
                    what: "central differences",
                    output: y_bar.name(*pick),
                    input: point.name(block),
                    found,
                    expected,
                    error,
                    allowed,
                });
            }
            if size * tol.difference > allowed / 2.0 {
                worst(&mut report.difference, error / size);
            }
        }
    }
    Ok(())
}

/// Difference quotients `(F(x + h d) - F(x - h d)) / 2h` at four steps, and Richardson's
/// combinations of neighbours, which remove the error of order `h^2`. Steps at which the operator
/// fails or is not finite are left out: the point may lie near the edge of its domain.
fn quotients<O>(
    op: &O,
    p: &O::Params,
    x: &O::In,
    point: &Pair,
    d: &Pair,
    step: f64,
) -> Vec<(f64, Flat)>
where
    O: Adjoint<f64> + ?Sized,
    O::Params: Fields<f64>,
    O::In: Fields<f64>,
    O::Out: Fields<f64>,
{
    let at = |h: f64| -> Option<Flat> {
        let moved = point.plus(h, d);
        let y = op.apply(&moved.p.to_like(p), moved.x.to_like(x)).ok()?;
        Flat::of(&y).finite("apply").ok()
    };
    let mut quotients: Vec<(f64, Flat)> = Vec::new();
    let mut coarse: Option<Flat> = None;
    for h in [1.0, 0.25, 0.0625, 0.015625].map(|fraction| fraction * step) {
        let fine = match (at(h), at(-h)) {
            (Some(ahead), Some(behind)) => {
                let mut quotient = ahead.plus(-1.0, &behind);
                let scale = |v: &mut f64| *v /= 2.0 * h;
                quotient
                    .0
                    .iter_mut()
                    .for_each(|f| f.values.iter_mut().for_each(scale));
                Some(quotient)
            }
            _ => None,
        };
        if let (Some(coarse), Some(fine)) = (&coarse, &fine) {
            // (16 Q(h) - Q(4h)) / 15
            quotients.push((h, fine.plus(1.0 / 15.0, &fine.plus(-1.0, coarse))));
        }
        quotients.extend(fine.clone().map(|fine| (h, fine)));
        coarse = fine;
    }
    quotients
}
