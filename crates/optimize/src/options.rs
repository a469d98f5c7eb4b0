//! The options of the methods, as configurations write them.

use serde::Deserialize;

use crate::{Error, Result};

/// A method of minimization with its options.
///
/// In a configuration the key `method` chooses: `method = "lbfgs"` or `method = "adam"`, beside
/// the fields of [`Lbfgs`] or [`Adam`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase")]
pub enum Method {
    /// Limited-memory quasi-Newton steps.
    Lbfgs(Lbfgs),
    /// Gradient steps with adaptive moments.
    Adam(Adam),
}

impl Method {
    /// Checks the options' ranges.
    ///
    /// # Errors
    /// [`Error::Range`] names the first option outside its range.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Lbfgs(options) => options.validate(),
            Self::Adam(options) => options.validate(),
        }
    }

    /// The largest number of iterations.
    pub fn iterations(&self) -> usize {
        match self {
            Self::Lbfgs(options) => options.iterations,
            Self::Adam(options) => options.iterations,
        }
    }
}

/// Options of L-BFGS (Nocedal & Wright 2006, algorithm 7.5; Liu & Nocedal 1989).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lbfgs {
    /// Largest number of iterations, above 0.
    pub iterations: usize,
    /// Number of past steps that approximate the Hessian, above 0.
    pub memory: usize,
    /// Length of the first trial step in the space of the scaled unknowns, above 0. Later steps
    /// take their length from the approximate Hessian.
    pub first_step: f64,
    /// Stops when the norm of the gradient with respect to the scaled unknowns is below it.
    pub gradient_tolerance: f64,
    /// Stops when an iteration lowers the loss by less than this fraction of it.
    pub loss_tolerance: f64,
    /// Largest number of evaluations of one line search, above 1.
    pub line_search_evaluations: usize,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self {
            iterations: 100,
            memory: 10,
            first_step: 1.0,
            gradient_tolerance: 1e-8,
            loss_tolerance: 1e-9,
            line_search_evaluations: 20,
        }
    }
}

impl Lbfgs {
    /// Checks the options' ranges.
    ///
    /// # Errors
    /// [`Error::Range`] names the first option outside its range.
    pub fn validate(&self) -> Result<()> {
        at_least("iterations", self.iterations, 1, "at least 1")?;
        at_least("memory", self.memory, 1, "at least 1")?;
        positive("first_step", self.first_step)?;
        non_negative("gradient_tolerance", self.gradient_tolerance)?;
        non_negative("loss_tolerance", self.loss_tolerance)?;
        at_least(
            "line_search_evaluations",
            self.line_search_evaluations,
            2,
            "at least 2",
        )
    }
}

/// Options of Adam (Kingma & Ba 2015, algorithm 1).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adam {
    /// Largest number of iterations, above 0.
    pub iterations: usize,
    /// Step size alpha in units of the scaled unknowns, above 0.
    pub learning_rate: f64,
    /// Decay rate of the first moment, in \[0, 1).
    pub beta1: f64,
    /// Decay rate of the second moment, in \[0, 1).
    pub beta2: f64,
    /// Added to the root of the second moment, above 0.
    pub epsilon: f64,
    /// Stops when the norm of the gradient with respect to the scaled unknowns is below it.
    pub gradient_tolerance: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            iterations: 1000,
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            gradient_tolerance: 0.0,
        }
    }
}

impl Adam {
    /// Checks the options' ranges.
    ///
    /// # Errors
    /// [`Error::Range`] names the first option outside its range.
    pub fn validate(&self) -> Result<()> {
        at_least("iterations", self.iterations, 1, "at least 1")?;
        positive("learning_rate", self.learning_rate)?;
        unit("beta1", self.beta1)?;
        unit("beta2", self.beta2)?;
        positive("epsilon", self.epsilon)?;
        non_negative("gradient_tolerance", self.gradient_tolerance)
    }
}

fn at_least(name: &'static str, value: usize, least: usize, allowed: &'static str) -> Result<()> {
    if value >= least {
        Ok(())
    } else {
        Err(Error::Range {
            name,
            value: value as f64,
            allowed,
        })
    }
}

fn positive(name: &'static str, value: f64) -> Result<()> {
    let ok = value.is_finite() && value > 0.0;
    if ok {
        Ok(())
    } else {
        Err(Error::Range {
            name,
            value,
            allowed: "finite and above 0",
        })
    }
}

fn non_negative(name: &'static str, value: f64) -> Result<()> {
    let ok = value.is_finite() && value >= 0.0;
    if ok {
        Ok(())
    } else {
        Err(Error::Range {
            name,
            value,
            allowed: "finite and at least 0",
        })
    }
}

fn unit(name: &'static str, value: f64) -> Result<()> {
    let ok = (0.0..1.0).contains(&value);
    if ok {
        Ok(())
    } else {
        Err(Error::Range {
            name,
            value,
            allowed: "at least 0 and below 1",
        })
    }
}

impl From<Lbfgs> for Method {
    fn from(options: Lbfgs) -> Self {
        Self::Lbfgs(options)
    }
}

impl From<Adam> for Method {
    fn from(options: Adam) -> Self {
        Self::Adam(options)
    }
}
