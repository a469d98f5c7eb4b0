//! From a configuration file to a differentiable simulation.
//!
//! A [`Registry`] maps names to plugins; a [`Config`] names them; [`Simulation::build`] checks
//! everything and assembles the same leapfrog that the typed library offers, over a [`World`] of
//! named states. Its gradient is that of the typed one, bit for bit.

mod arrays;
mod components;
mod config;
mod culprit;
mod device;
mod engine;
mod error;
mod expansion;
mod generator;
mod gradient;
mod matter;
mod plugin;
mod potential;
mod registry;
mod runner;
mod simulation;
mod start;
mod timed;
mod units;
mod world;

pub use adastra_gravity::G;
pub use arrays::{AnyArray, Arrays, expect_shape};
pub use components::Components;
pub use config::{
    Bytes, Config, CosmologyConfig, GradientConfig, InitialConfig, MatterConfig, MeshConfig, Per,
    PotentialConfig, Precision, ProcessConfig, ScheduleName, TimeConfig, Use,
};
pub use device::{DevicePlugin, NoPlace, Place};
pub use engine::{Engine, Given, Motion, PullBack, Reversal, Run, Watch};
pub use error::{Error, Result};
pub use expansion::Expansion;
pub use generator::{Generator, GeneratorPlugin};
pub use gradient::Gradient;
pub use matter::{AnyMatter, AnyReversible, irreversible, reversible};
pub use plugin::{
    AnyProcess, Doc, InitialPlugin, MatterPlugin, Nothing, Objective, ObjectivePlugin,
    PotentialPlugin, ProcessPlugin, Scatter, Scene, SceneBar, Site, doc,
};
pub use potential::Potentials;
pub use registry::{Info, Registry};
pub use runner::{Runner, StepReport};
pub use simulation::{Component, Physics, Progress, SAFETY, Simulation};
pub use start::Start;
pub use timed::Timed;
pub use units::{
    BosonMass, BosonMassDimension, Density, DensityDimension, Dimension, Length, LengthDimension,
    Mass, MassDimension, Quantity, Time, TimeDimension, Velocity, VelocityDimension,
};
pub use world::{AnyFields, World};
