//! `adastra plot`, and the plots at the end of a run.

use std::path::{Path, PathBuf};

use adastra_io::picture::{Curve, Figure, Map, Plot, Scale};
use adastra_io::{Attribute, Dataset, Snapshot, read_log};
use ndarray::{Array2, Axis, Ix2, Ix3};

use super::error::{Error, Result};
use super::output::time_label;

/// Pictures of snapshots and plots of logs, each beside its file.
pub(super) fn plot(files: &[PathBuf]) -> Result<()> {
    for file in files {
        let picture = file.with_extension("png");
        match file.extension().and_then(|e| e.to_str()) {
            Some("h5") => snapshot(file, &picture)?,
            Some("csv") => {
                let table = read_log(file)?;
                if table.columns.iter().any(|c| c == "iteration") {
                    loss(file)?;
                } else {
                    quantities(file)?;
                }
            }
            _ => return Err(Error::Kind(file.clone())),
        }
        println!("{}", picture.display());
    }
    Ok(())
}

/// Projected densities of the waves, and positions of the particles, of a snapshot.
fn snapshot(file: &Path, picture: &Path) -> Result<()> {
    let snapshot = Snapshot::open(file)?;
    if let (Ok(Attribute::Real(width)), Ok(Attribute::Real(height))) =
        (snapshot.attribute("width"), snapshot.attribute("height"))
    {
        return frame(&snapshot, [width, height], file, picture);
    }
    let side = |name| match snapshot.attribute(name) {
        Ok(Attribute::Real(x)) if x > 0.0 && x.is_finite() => Ok(x),
        Ok(_) => Err(Error::Kind(file.to_owned())),
        Err(e) => Err(e.into()),
    };
    let size = [side("box_x")?, side("box_y")?, side("box_z")?];
    let title = match snapshot.attribute("title") {
        Ok(Attribute::Text(title)) => title,
        _ => String::new(),
    };
    let note = time_label(snapshot.header().time);
    let mut figure = Figure::new().title(title);
    let mut panels = 0;
    for name in snapshot.names() {
        let component = name.split('/').next().unwrap_or(name);
        let dataset = snapshot.dataset(name)?;
        let map = match (&dataset, name.ends_with("/position")) {
            (Dataset::Complex32(_) | Dataset::Complex64(_), _) => {
                let psi = dataset.to_complex::<f64>();
                let Ok(psi) = psi.into_dimensionality::<Ix3>() else {
                    continue;
                };
                let dz = size[2] / psi.len_of(Axis(2)) as f64;
                let surface = psi.mapv(|z| z.norm_sqr()).sum_axis(Axis(2)) * dz;
                Map::new(surface)
                    .scale(Scale::Logarithmic)
                    .label("surface density [Msun/kpc^2]")
            }
            (_, true) => {
                let Some(position) = dataset.to_real::<f64>() else {
                    continue;
                };
                let Ok(position) = position.into_dimensionality::<Ix2>() else {
                    continue;
                };
                if position.ncols() != 3 {
                    continue;
                }
                // On a mesh positions start from its corner, in open space from the middle.
                let open = position.iter().any(|&x| x < 0.0);
                let corner = [0, 1].map(|k| if open { 0.5 * size[k] } else { 0.0 });
                let points = position.rows().into_iter();
                Map::new(Array2::zeros((2, 2)))
                    .range(0.0, 1.0)
                    .points(points.map(|r| [r[0] + corner[0], r[1] + corner[1]]))
            }
            _ => continue,
        };
        figure = figure.panel(
            map.title(component)
                .extent(size[0], size[1], "kpc")
                .note(&note),
        );
        panels += 1;
    }
    if panels == 0 {
        return Err(Error::Kind(file.to_owned()));
    }
    Ok(figure.save(picture)?)
}

/// The surface densities of a frame of a movie.
fn frame(
    snapshot: &Snapshot,
    [width, height]: [f64; 2],
    file: &Path,
    picture: &Path,
) -> Result<()> {
    let note = time_label(snapshot.header().time);
    let mut figure = Figure::new();
    for name in snapshot.names() {
        let map = snapshot.dataset(name)?.to_real::<f64>();
        let map = map.and_then(|map| map.into_dimensionality::<Ix2>().ok());
        let map = Map::new(map.ok_or_else(|| Error::Kind(file.to_owned()))?)
            .extent(width, height, "kpc")
            .scale(Scale::Logarithmic)
            .title(name)
            .label("surface density [Msun/kpc^2]")
            .note(&note);
        figure = figure.panel(map);
    }
    Ok(figure.save(picture)?)
}

/// Relative changes of the conserved quantities of a run.
pub(super) fn quantities(file: &Path) -> Result<()> {
    let table = read_log(file)?;
    let column = |name: &str| table.columns.iter().position(|c| c == name);
    let Some(time) = column("time") else {
        return Err(Error::Kind(file.to_owned()));
    };
    let curve = |i: usize, scale: f64| {
        Curve::new(
            table
                .rows
                .iter()
                .map(move |row| (row[time], row[i] * scale)),
        )
    };
    let mut energies = Plot::new()
        .title("energies")
        .labels("time [kpc/(km/s)]", "energy [Msun (km/s)^2]");
    let mut changes = Plot::new()
        .title("conservation")
        .labels("time [kpc/(km/s)]", "relative change");
    let mut drawn = 0;
    for (i, name) in table.columns.iter().enumerate() {
        // A component without a reservoir (no self-interaction) is a line at zero: left out.
        let largest = table
            .rows
            .iter()
            .map(|row| row[i].abs())
            .fold(0.0, f64::max);
        if name.contains("energy") && largest > 0.0 {
            energies = energies.curve(curve(i, 1.0).label(name));
            drawn += 1;
        }
        if (name == "total.mass" || name == "total.energy") && largest > 0.0 {
            let first = table.rows[0][i];
            let change = table
                .rows
                .iter()
                .map(|row| (row[time], (row[i] - first) / first.abs()));
            changes = changes.curve(Curve::new(change).label(name));
        }
    }
    if drawn == 0 {
        return Ok(());
    }
    Ok(Figure::new()
        .panel(energies)
        .panel(changes)
        .save(file.with_extension("png"))?)
}

/// The loss curve of a fit.
pub(super) fn loss(file: &Path) -> Result<()> {
    let table = read_log(file)?;
    let column = |name: &str| table.columns.iter().position(|c| c == name);
    let (Some(x), Some(y)) = (column("iteration"), column("loss")) else {
        return Err(Error::Kind(file.to_owned()));
    };
    let positive = table.rows.iter().all(|row| row[y] > 0.0);
    let scale = if positive {
        Scale::Logarithmic
    } else {
        Scale::Linear
    };
    let curve = Curve::new(table.rows.iter().map(|row| (row[x], row[y])));
    let plot = Plot::new()
        .labels("iteration", "loss")
        .scales(Scale::Linear, scale)
        .curve(curve);
    Ok(Figure::new().panel(plot).save(file.with_extension("png"))?)
}
