//! Which part of a step made a number that is not finite.

use adastra_core::{Fields, Real};
use adastra_gravity::Matter;
use adastra_grid::Gravity;

use crate::{Given, Progress, Simulation, World};

/// The operator of the step of length `dt` from the good progress `from`, states on the host, that
/// first makes a number that is not finite: the step once more, piece by piece.
pub(crate) fn culprit<T: Real>(
    simulation: &Simulation<T>,
    p: &Given<T>,
    from: &Progress<T>,
    dt: f64,
) -> String {
    let system = &simulation.system;
    let matter = system.matter();
    let mut x = from.state.clone();
    // A piece that fails is the culprit as well.
    let bad =
        |done: adastra_core::Result<()>, x: &World<T>| done.is_err() || x.non_finite().is_some();
    let source = system.source(from.march.time);
    let gravity = match system.gravity(&p.0, &p.1, &x, source) {
        Ok(gravity) if finite(&gravity) => gravity,
        _ => return "self-gravity".into(),
    };
    let kick = 0.5 * (from.march.pending + dt);
    if bad(matter.kick(&p.0, &mut x, &gravity, kick), &x) {
        return "kick".into();
    }
    if bad(matter.matter().drift(&p.0, &mut x, dt), &x) {
        return "drift".into();
    }
    let processes = matter.process().into_iter().flatten();
    for (process, config) in processes.zip(&simulation.config.process) {
        if bad(process.apply(&p.0, &mut x, dt), &x) {
            return format!("process {:?}", config.name);
        }
    }
    // What is left of a step that reaches an output.
    "closing kick".into()
}

fn finite<T: Real>(gravity: &Gravity<T>) -> bool {
    let acceleration = gravity.acceleration.iter().flatten();
    let mut fields = acceleration.chain([&gravity.potential]);
    fields.all(|field| field.iter().all(|x| x.is_finite()))
}
