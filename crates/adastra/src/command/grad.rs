//! `adastra grad`

use std::time::Instant;

use adastra_core::Real;
use adastra_io::{Attribute, Dataset, Header, SnapshotWriter};
use adastra_pipeline::{Simulation, Start, Watch};
use ndarray::Array1;

use super::error::Result;
use super::output::Output;
use super::{Common, interrupted};

/// Stops a sweep at Ctrl-C.
pub(super) const WATCH: Watch = |_| {
    if interrupted() {
        std::ops::ControlFlow::Break(())
    } else {
        std::ops::ControlFlow::Continue(())
    }
};

/// Writes the value and the gradient of the objective.
pub(super) fn grad<T: Real>(
    simulation: &Simulation<T>,
    common: &Common,
    dry_run: bool,
) -> Result<()> {
    let begin = Instant::now();
    let mut addresses = simulation.config().gradient.of.clone();
    simulation.start.find("gradient.of", &addresses)?;
    if addresses.is_empty() {
        addresses = simulation.start.addresses();
    }
    if dry_run {
        println!("{}", simulation.predict()?);
        return Ok(());
    }
    let output = Output::open(simulation.config(), common.out.as_deref())?;
    let gradient = simulation.gradient(&simulation.start, Some(WATCH))?;
    println!("loss = {:.16e}", gradient.value);
    for address in &addresses {
        let values = gradient.bar.read(std::slice::from_ref(address));
        let norm = values.iter().map(|g| g * g).sum::<f64>().sqrt();
        println!(
            "|d loss / d {address}| = {norm:.6e}  ({} numbers)",
            values.len()
        );
    }
    if !common.quiet {
        println!("{}", gradient.report);
        println!(
            "{:.3} s from the built simulation to the gradient",
            begin.elapsed().as_secs_f64()
        );
    }
    let path = output.path("gradient.h5");
    let mut writer = SnapshotWriter::new(Header {
        time: simulation.span(),
        step: gradient.dt.len() as u64,
        code_version: env!("CARGO_PKG_VERSION").into(),
        config: simulation.config().text.clone(),
    });
    writer.attribute("loss", Attribute::Real(gradient.value))?;
    add(&mut writer, &gradient.bar, &addresses)?;
    writer.write(&path)?;
    println!("gradient in {}", path.display());
    Ok(())
}

/// Adds the fields of some addresses, each of its own shape.
pub(super) fn add<T: Real>(
    writer: &mut SnapshotWriter,
    start: &Start<T>,
    addresses: &[String],
) -> Result<()> {
    let mut result = Ok(());
    start.visit(&mut |name, field| {
        if result.is_ok() && addresses.iter().any(|a| a == name) {
            let dataset = name.replace('.', "/");
            result = if field.shape().is_empty() {
                // Scalars as arrays of one number: h5py users index them alike.
                let values = start.read(&[name.to_owned()]);
                let one = Dataset::F64(Array1::from(values).into_dyn());
                writer.dataset(&dataset, "", &one)
            } else {
                writer.field(&dataset, "", field)
            };
        }
    });
    Ok(result?)
}
