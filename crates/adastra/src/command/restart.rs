//! Snapshots and restart files of a run.

use std::path::Path;

use adastra_core::Real;
use adastra_gravity::March;
use adastra_io::{Attribute, Header, Snapshot, SnapshotWriter};
use adastra_pipeline::{Arrays, Progress, Simulation, World};

use super::error::{Error, Result};
use crate::file::array;

/// `"stars.position"` as an HDF5 path.
fn dataset_name(component: &str, field: &str) -> String {
    format!("{component}/{}", field.replace('.', "/"))
}

/// Adds every field of every component, with its unit.
fn add_state<T: Real>(
    writer: &mut SnapshotWriter,
    simulation: &Simulation<T>,
    state: &World<T>,
) -> Result<()> {
    for (i, component) in simulation.components().iter().enumerate() {
        let mut result = Ok(());
        state.at(i).any_visit(&mut |name, field| {
            let doc = component.info.state.iter().find(|doc| doc.name == name);
            let dataset = dataset_name(&component.name, name);
            if result.is_ok() {
                result = writer.field(&dataset, doc.map_or("", |doc| doc.unit), field);
            }
        });
        result?;
    }
    Ok(())
}

/// Writes a snapshot, which is also what a run can be restarted from.
pub(super) fn write<T: Real>(
    path: &Path,
    simulation: &Simulation<T>,
    progress: &Progress<T>,
    outputs: usize,
) -> Result<()> {
    let march = &progress.march;
    let mut writer = SnapshotWriter::new(Header {
        time: march.time,
        step: march.step as u64,
        code_version: env!("CARGO_PKG_VERSION").into(),
        config: simulation.config().text.clone(),
    });
    let mesh = &simulation.site().mesh;
    for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
        writer.attribute(&format!("box_{name}"), Attribute::Real(mesh.size()[axis]))?;
    }
    writer.attribute("pending_kick", Attribute::Real(march.pending))?;
    writer.attribute("output", Attribute::Integer(progress.output as i64))?;
    writer.attribute("outputs", Attribute::Integer(outputs as i64))?;
    writer.attribute("title", Attribute::Text(simulation.config().title.clone()))?;
    add_state(&mut writer, simulation, &progress.state)?;
    Ok(writer.write(path)?)
}

/// Reads what [`write`] wrote.
pub(super) fn read<T: Real>(
    path: &Path,
    simulation: &Simulation<T>,
    outputs: usize,
) -> Result<Progress<T>> {
    let wrong = |what: &str| Error::Restart {
        path: path.to_owned(),
        what: what.to_owned(),
    };
    let snapshot = Snapshot::open(path)?;
    let header = snapshot.header();
    let real = |name| match snapshot.attribute(name)? {
        Attribute::Real(x) if x.is_finite() && x >= 0.0 => Ok(x),
        _ => Err(wrong(&format!(
            "the attribute {name} is not a positive number"
        ))),
    };
    let count = |name| match snapshot.attribute(name)? {
        Attribute::Integer(n) => usize::try_from(n).map_err(|_| wrong("a negative count")),
        _ => Err(wrong(&format!("the attribute {name} is not a count"))),
    };
    let output = count("output")?;
    if count("outputs")? != outputs || output > outputs {
        return Err(wrong("it was written with another number of outputs"));
    }
    if !(header.time >= 0.0 && header.time <= simulation.span()) {
        return Err(wrong(&format!(
            "its time {} is outside the run",
            header.time
        )));
    }
    let mut progress = simulation.begin();
    for (i, component) in simulation.components().iter().enumerate() {
        let mut names = Vec::new();
        progress
            .state
            .at(i)
            .any_visit(&mut |name, _| names.push(name.to_owned()));
        let mut arrays = Arrays::new();
        for name in names {
            let dataset = snapshot.dataset(&dataset_name(&component.name, &name))?;
            arrays.insert(&name, array(&dataset));
        }
        simulation.restore(&mut progress.state, i, arrays)?;
    }
    let step = usize::try_from(header.step).map_err(|_| wrong("a step out of range"))?;
    progress.march = March {
        step,
        time: header.time,
        pending: real("pending_kick")?,
    };
    progress.output = output;
    if header.config != simulation.config().text {
        eprintln!(
            "note: the configuration changed since {} was written",
            path.display()
        );
    }
    Ok(progress)
}
