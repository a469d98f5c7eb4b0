//! Stars as an observer sees them, at every output.

use adastra_core::{Operator, Real};
use adastra_io::picture::{Curve, Figure, Plot};
use adastra_nbody::{Observer, Sky};
use adastra_particles::ParticleState;
use adastra_pipeline::{Progress, Simulation};
use serde::Deserialize;

use super::error::{Error, Result};
use super::output::{Output, time_label};

/// `[output.sky]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    /// Name of the stars.
    of: String,
    /// Frame of longitude and latitude.
    #[serde(default)]
    frame: Frame,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Frame {
    #[default]
    Gd1,
    Icrs,
}

impl Output {
    /// Draws latitude, distance and radial velocity over longitude, if the configuration asks.
    pub(super) fn sky<T: Real>(
        &self,
        simulation: &Simulation<T>,
        progress: &Progress<T>,
    ) -> Result<()> {
        let Some(options) = &self.options.sky else {
            return Ok(());
        };
        let stars = progress
            .state
            .named::<ParticleState<T>>("output.sky.of", &options.of)?;
        let observer = Observer::default();
        let (sky, [longitude, latitude]) = match options.frame {
            Frame::Gd1 => (Sky::gd1(&observer), ["phi1 [deg]", "phi2 [deg]"]),
            Frame::Icrs => (
                Sky::icrs(&observer),
                ["right ascension [deg]", "declination [deg]"],
            ),
        };
        let seen = sky
            .apply(&(), stars.clone())
            .map_err(adastra_pipeline::Error::from)?;
        let columns = [
            (1, latitude),
            (2, "distance [kpc]"),
            (5, "radial velocity [km/s]"),
        ];
        let title = &simulation.config().title;
        let time = time_label(progress.march.time);
        let mut figure = Figure::new().columns(1).title(format!("{title}, {time}"));
        for (column, label) in columns {
            let rows = seen.rows().into_iter();
            let points = rows.map(|row| (row[0].f64(), row[column].f64()));
            figure = figure.panel(
                Plot::new()
                    .labels(longitude, label)
                    .curve(Curve::new(points).scatter()),
            );
        }
        let file = format!("sky_{:04}.png", progress.output);
        figure.save(self.path(&file)).map_err(Error::from)
    }
}
