//! An expanding background in the leapfrog.

use std::sync::Arc;

use adastra_cosmology::Supercomoving;
use adastra_gravity::{Limit, Source};

/// The scale factor of an expanding background as the factor of Poisson's source.
#[derive(Debug, Clone)]
pub struct Expansion(pub Arc<Supercomoving>);

impl Source for Expansion {
    fn factor(&self, time: f64) -> f64 {
        self.0.scale_factor(time)
    }

    fn limit(&self, time: f64) -> Limit {
        let a = self.0.scale_factor(time);
        Limit {
            name: "expansion",
            dt: 0.1 / (a * a * self.0.cosmology().hubble_rate(a)),
        }
    }
}
