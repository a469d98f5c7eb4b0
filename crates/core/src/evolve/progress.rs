//! Watching and stopping a run.

use std::fmt;
use std::ops::ControlFlow;

use crate::{Error, Result};

/// Direction of a sweep over the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// From the first step to the last.
    Forward,
    /// From the last step to the first.
    Reverse,
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forward => "forward",
            Self::Reverse => "reverse",
        })
    }
}

/// How far a sweep is. Reported after every evaluation of a step, also of a recomputed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which sweep.
    pub sweep: Sweep,
    /// Steps that this sweep is through with.
    pub done: usize,
    /// Steps of the sweep.
    pub of: usize,
}

/// Called with the progress; breaking stops the run.
pub(crate) type Observer = Box<dyn Fn(Progress) -> ControlFlow<()> + Send + Sync>;

/// Tells the observer, if there is one, and stops if it says so.
pub(crate) fn tell(observer: Option<&Observer>, progress: Progress) -> Result<()> {
    match observer.map(|observer| observer(progress)) {
        Some(ControlFlow::Break(())) => {
            let Progress { sweep, done, of } = progress;
            Err(Error::Interrupted { sweep, done, of })
        }
        _ => Ok(()),
    }
}
