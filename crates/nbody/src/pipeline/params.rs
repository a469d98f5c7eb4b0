//! What the motion of stars depends on.

use std::sync::Arc;

use adastra_core::{FieldMut, FieldRef, Fields, Real, State};
use ndarray::Array1;

use crate::{G, Galaxy, GalaxyParams, NBodyParams};

/// Parameters of [`Stars`](super::Stars).
#[derive(Debug, Clone)]
pub struct StarsParams<T> {
    /// The potentials that the values belong to.
    pub(super) potentials: Galaxy,
    /// Names of the values, `"halo.mass"` and so on.
    pub(super) names: Arc<[String]>,
    /// The fraction of the span after which rotating and growing potentials are at time zero.
    pub(super) zero_at: f64,
    /// Plummer softening length, in kpc.
    pub softening: T,
    /// Time that the run covers, in kpc/(km/s).
    pub span: T,
    /// Parameters of the galaxy, in the order of [`Galaxy::parameters`].
    pub galaxy: Array1<T>,
}

impl<T: Real> StarsParams<T> {
    /// As parameters of a run.
    pub(super) fn run(&self) -> NBodyParams<T> {
        NBodyParams {
            gravitational_constant: T::of(G),
            softening: self.softening,
            span: self.span,
            galaxy: self.galaxy.clone(),
        }
    }

    /// The time of the potentials after a fraction of the span, in kpc/(km/s).
    pub(super) fn time(&self, fraction: f64) -> f64 {
        (fraction - self.zero_at) * self.span.f64()
    }

    /// The potentials at the start of the run.
    pub(super) fn at_start(&self) -> GalaxyParams<T> {
        GalaxyParams {
            gravitational_constant: T::of(G),
            time: T::of(self.time(0.0)),
            values: self.galaxy.clone(),
        }
    }

    pub(super) fn add(&mut self, bar: &NBodyParams<T>) {
        self.softening += bar.softening;
        self.span += bar.span;
        self.galaxy += &bar.galaxy;
    }

    /// Adds the cotangents of [`StarsParams::at_start`].
    pub(super) fn add_at_start(&mut self, bar: &GalaxyParams<T>) {
        self.span -= T::of(self.zero_at) * bar.time;
        self.galaxy += &bar.values;
    }
}

impl<T: Real> State<T> for StarsParams<T> {
    fn zeros_like(&self) -> Self {
        Self {
            softening: T::zero(),
            span: T::zero(),
            galaxy: Array1::zeros(self.galaxy.len()),
            ..self.clone()
        }
    }

    fn axpy(&mut self, a: T, x: &Self) {
        self.softening += a * x.softening;
        self.span += a * x.span;
        self.galaxy.axpy(a, &x.galaxy);
    }

    fn dot(&self, other: &Self) -> f64 {
        self.softening.f64() * other.softening.f64()
            + self.span.f64() * other.span.f64()
            + State::<T>::dot(&self.galaxy, &other.galaxy)
    }
}

impl<T: Real> Fields<T> for StarsParams<T> {
    fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        self.softening.visit(&mut |_, field| f("softening", field));
        self.span.visit(&mut |_, field| f("span", field));
        for (name, value) in self.names.iter().zip(&self.galaxy) {
            value.visit(&mut |_, field| f(name, field));
        }
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, FieldMut<'_, T>)) {
        self.softening
            .visit_mut(&mut |_, field| f("softening", field));
        self.span.visit_mut(&mut |_, field| f("span", field));
        for (name, value) in self.names.iter().zip(&mut self.galaxy) {
            value.visit_mut(&mut |_, field| f(name, field));
        }
    }
}
