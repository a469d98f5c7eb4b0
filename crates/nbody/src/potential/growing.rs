//! A potential whose amplitude changes with time.

use std::sync::Arc;

use super::term::{Here, Points, PointsMut, Pulled, Setting, Term};
use super::{Allowed, Parameter};

/// How the amplitude of a potential (its mass, or its speed) changes with time. Its rate is a
/// parameter; at time zero the amplitude is the one given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum History {
    /// As `exp(rate t)`.
    Exponential,
    /// As `1 + rate t`, and zero where that is below zero.
    Linear,
}

impl History {
    /// The factor, and its derivatives by rate and time.
    fn factor(self, rate: f64, time: f64) -> [f64; 3] {
        match self {
            Self::Exponential => {
                let f = (rate * time).exp();
                [f, time * f, rate * f]
            }
            Self::Linear if 1.0 + rate * time > 0.0 => [1.0 + rate * time, time, rate],
            Self::Linear => [0.0; 3],
        }
    }
}

/// The potential with its amplitude times the factor. The rate follows its parameters.
pub(super) struct Growing(pub(super) Arc<dyn Term>, pub(super) History);

const RATE: Parameter = Parameter {
    name: "growth_rate",
    unit: "km/s/kpc",
    allowed: Allowed::Finite,
};

impl Growing {
    /// The parameters of the potential at a time, and the factor with its derivatives.
    fn inner(&self, at: Setting, p: &[f64]) -> (Vec<f64>, [f64; 3]) {
        let (rate, own) = p.split_last().expect("the rate is a parameter");
        let factor = self.1.factor(*rate, at.time);
        let mut own = own.to_vec();
        own[0] *= factor[0];
        (own, factor)
    }
}

impl Term for Growing {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = self.0.parameters();
        parameters.push(RATE);
        parameters
    }

    fn point(&self, at: Setting, p: &[f64], x: [f64; 3]) -> (f64, [f64; 3], [[f64; 3]; 3]) {
        self.0.point(at, &self.inner(at, p).0, x)
    }

    fn accelerate(&self, here: Here<'_>, a: PointsMut<'_>) {
        let (p, _) = self.inner(here.at, here.p);
        self.0.accelerate(Here { p: &p, ..here }, a);
    }

    fn pull_back(&self, here: Here<'_>, w: Points<'_>, pulled: Pulled<'_>) {
        let (own, [factor, by_rate, by_time]) = self.inner(here.at, here.p);
        let mut own_bar = vec![0.0; own.len()];
        let Pulled {
            a,
            x_bar,
            at_bar,
            p_bar,
        } = pulled;
        let within = Pulled {
            a,
            x_bar,
            at_bar: &mut *at_bar,
            p_bar: &mut own_bar,
        };
        self.0.pull_back(Here { p: &own, ..here }, w, within);
        let factor_bar = here.p[0] * own_bar[0];
        own_bar[0] *= factor;
        p_bar.iter_mut().zip(&own_bar).for_each(|(y, x)| *y += x);
        p_bar[own.len()] += by_rate * factor_bar;
        at_bar.time += by_time * factor_bar;
    }

    fn push_forward(&self, here: Here<'_>, d: Here<'_>, a: PointsMut<'_>, da: PointsMut<'_>) {
        let (own, [factor, by_rate, by_time]) = self.inner(here.at, here.p);
        let mut down = d.p[..own.len()].to_vec();
        let dfactor = by_rate * d.p[own.len()] + by_time * d.at.time;
        down[0] = factor * down[0] + here.p[0] * dfactor;
        let (here, d) = (Here { p: &own, ..here }, Here { p: &down, ..d });
        self.0.push_forward(here, d, a, da);
    }
}
