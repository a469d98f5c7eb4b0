//! How a run is reversed, and what that costs.

use std::fmt;
use std::path::PathBuf;

use crate::evolve::{Move, Revolve, memory_at_hand};
use crate::{Error, Result};

/// How the gradient of a run gets its intermediate states back.
///
/// All of these give the same gradient, bit for bit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schedule {
    /// Keep what every step saves: fastest, with memory proportional to the number of steps.
    StoreAll,
    /// Keep as many states as fit a budget, and recompute the others: the binomial placement of
    /// Griewank & Walther (2000, ACM Trans. Math. Softw. 26, 19, "Revolve"), which recomputes the
    /// fewest steps, and writes the fewest checkpoints of all placements that do.
    Checkpoint {
        /// Bytes of all checkpoints together; at least one state.
        budget_bytes: usize,
        /// Where they live.
        storage: Storage,
    },
    /// [`Schedule::StoreAll`] where it fits the budget, else [`Schedule::Checkpoint`] in memory.
    Auto {
        /// Bytes of all that is kept.
        budget_bytes: usize,
    },
}

/// How the gradient of a run of reversible steps gets its intermediate states back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReversibleSchedule {
    /// Undo step after step from the end. The rounding error of the way back is bounded by
    /// anchors, states kept at even distances: it grows over the steps between two anchors only.
    ///
    /// The gradient agrees with that of a [`Schedule`] up to this rounding error.
    Reconstruct {
        /// How many states are kept besides the last one.
        anchors: usize,
    },
    /// [`Schedule::StoreAll`] where it fits the budget, else
    /// [`ReversibleSchedule::Reconstruct`] with an anchor every 32 steps, or fewer if the budget
    /// asks for it.
    Auto {
        /// Bytes of all that is kept.
        budget_bytes: usize,
    },
}

/// Where checkpoints live.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// In the memory of the states that are stepped: for those of a device, in that of the device.
    Memory,
    /// In the memory of the host, which for states of a device is larger and a copy away.
    Host,
    /// In files within this folder, which must exist. Each gradient uses a subfolder of its own
    /// and removes it when it is done, fails, or is dropped.
    Disk(PathBuf),
}

/// The schedule of a run once its length and sizes are known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chosen {
    /// What every step saves is kept.
    StoreAll,
    /// Binomial checkpoints.
    Checkpoint {
        /// States kept at a time, at most.
        slots: usize,
        /// Where they live.
        storage: Storage,
    },
    /// Reconstruction from the end.
    Reversible {
        /// States kept besides the last one.
        anchors: usize,
    },
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StoreAll => f.write_str("store all"),
            Self::Checkpoint {
                slots,
                storage: Storage::Memory,
            } => {
                write!(f, "{slots} binomial checkpoints in memory")
            }
            Self::Checkpoint {
                slots,
                storage: Storage::Host,
            } => {
                write!(f, "{slots} binomial checkpoints in the memory of the host")
            }
            Self::Checkpoint {
                slots,
                storage: Storage::Disk(folder),
            } => {
                write!(f, "{slots} binomial checkpoints in {}", folder.display())
            }
            Self::Reversible { anchors } => write!(f, "reversal with {anchors} anchors"),
        }
    }
}

/// What a gradient cost, or will cost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The schedule that ran.
    pub schedule: Chosen,
    /// Steps of the run.
    pub steps: usize,
    /// Forward evaluations of steps, in both sweeps.
    pub evaluations: usize,
    /// How many of these repeat an earlier one.
    pub recomputed: usize,
    /// Steps that were undone.
    pub undone: usize,
    /// States that were written as checkpoints.
    pub checkpoints_written: usize,
    /// Largest number of bytes kept at a time. Not counted are the state and the cotangent in
    /// hand and, unless all is stored, what the one step in hand saves.
    pub peak_checkpoint_bytes: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} steps, {} evaluations ({} recomputed), {} undone, \
             {} checkpoints written, at most {:.1} MiB",
            self.schedule,
            self.steps,
            self.evaluations,
            self.recomputed,
            self.undone,
            self.checkpoints_written,
            self.peak_checkpoint_bytes as f64 / f64::from(1 << 20),
        )
    }
}

impl Report {
    /// Before the first step.
    pub(crate) fn start(schedule: Chosen, steps: usize) -> Self {
        Self {
            schedule,
            steps,
            evaluations: 0,
            recomputed: 0,
            undone: 0,
            checkpoints_written: 0,
            peak_checkpoint_bytes: 0,
        }
    }
}

/// Steps between anchors that `Auto` aims at: rounding errors over some tens of steps stay near
/// the last digits, and the copies cost little.
const ANCHOR_SPACING: usize = 32;

impl Schedule {
    /// [`Schedule::Auto`] with half of the memory that the system has to give.
    pub fn auto() -> Self {
        Self::Auto {
            budget_bytes: memory_at_hand() / 2,
        }
    }

    /// What a gradient over `steps` steps will cost, for states of `state_bytes` bytes of which
    /// each step saves `saved_bytes`.
    ///
    /// # Errors
    /// [`Error::Budget`] when the budget holds no state.
    pub fn predict(&self, steps: usize, state_bytes: usize, saved_bytes: usize) -> Result<Report> {
        let chosen = self.resolve(steps, state_bytes, saved_bytes)?;
        Ok(predict(chosen, steps, state_bytes, saved_bytes))
    }

    pub(crate) fn resolve(
        &self,
        steps: usize,
        state_bytes: usize,
        saved_bytes: usize,
    ) -> Result<Chosen> {
        match self {
            Self::StoreAll => Ok(Chosen::StoreAll),
            Self::Auto { budget_bytes } if fits(steps, saved_bytes, *budget_bytes) => {
                Ok(Chosen::StoreAll)
            }
            Self::Auto { budget_bytes } => {
                let storage = Storage::Memory;
                Self::Checkpoint {
                    budget_bytes: *budget_bytes,
                    storage,
                }
                .resolve(steps, state_bytes, saved_bytes)
            }
            Self::Checkpoint {
                budget_bytes,
                storage,
            } => {
                // The last step is taped at once, the others need a slot each at most.
                let useful = steps.saturating_sub(1);
                let affordable = budget_bytes.checked_div(state_bytes).unwrap_or(useful);
                let slots = affordable.min(useful);
                if slots == 0 && useful > 0 {
                    return Err(Error::Budget {
                        needed: state_bytes,
                        budget: *budget_bytes,
                    });
                }
                Ok(Chosen::Checkpoint {
                    slots,
                    storage: storage.clone(),
                })
            }
        }
    }
}

impl ReversibleSchedule {
    /// [`ReversibleSchedule::Auto`] with half of the memory that the system has to give.
    pub fn auto() -> Self {
        Self::Auto {
            budget_bytes: memory_at_hand() / 2,
        }
    }

    /// What a gradient over `steps` steps will cost; see [`Schedule::predict`].
    ///
    /// # Errors
    /// [`Error::Budget`] when the budget holds no state.
    pub fn predict(&self, steps: usize, state_bytes: usize, saved_bytes: usize) -> Result<Report> {
        let chosen = self.resolve(steps, state_bytes, saved_bytes)?;
        Ok(predict(chosen, steps, state_bytes, saved_bytes))
    }

    pub(crate) fn resolve(
        &self,
        steps: usize,
        state_bytes: usize,
        saved_bytes: usize,
    ) -> Result<Chosen> {
        let useful = steps.saturating_sub(1);
        match self {
            Self::Reconstruct { anchors } => Ok(Chosen::Reversible {
                anchors: (*anchors).min(useful),
            }),
            Self::Auto { budget_bytes } if fits(steps, saved_bytes, *budget_bytes) => {
                Ok(Chosen::StoreAll)
            }
            Self::Auto { budget_bytes } => {
                let slots = budget_bytes.checked_div(state_bytes).unwrap_or(usize::MAX);
                // One of the states is the last one.
                let Some(affordable) = slots.checked_sub(1) else {
                    return Err(Error::Budget {
                        needed: state_bytes,
                        budget: *budget_bytes,
                    });
                };
                Ok(Chosen::Reversible {
                    anchors: affordable.min(steps / ANCHOR_SPACING),
                })
            }
        }
    }
}

fn fits(steps: usize, saved_bytes: usize, budget_bytes: usize) -> bool {
    steps
        .checked_mul(saved_bytes)
        .is_some_and(|bytes| bytes <= budget_bytes)
}

/// Index of the state that the anchor `j` of `anchors` keeps: they cut the run into even parts.
pub(crate) fn anchor_step(j: usize, anchors: usize, steps: usize) -> usize {
    let step = (j + 1) as u128 * steps as u128 / (anchors + 1) as u128;
    // At most `steps`, so it fits.
    step as usize
}

fn predict(chosen: Chosen, steps: usize, state_bytes: usize, saved_bytes: usize) -> Report {
    let mut report = Report::start(chosen, steps);
    match &report.schedule {
        Chosen::StoreAll => {
            report.evaluations = steps;
            report.peak_checkpoint_bytes = steps.saturating_mul(saved_bytes);
        }
        Chosen::Reversible { anchors } => {
            report.evaluations = steps;
            report.undone = steps;
            report.checkpoints_written = anchors + 1;
            report.peak_checkpoint_bytes = (anchors + 1).saturating_mul(state_bytes);
        }
        Chosen::Checkpoint { slots, .. } => {
            let mut revolve = Revolve::new(*slots);
            let mut peak = 0;
            for target in (0..steps).rev() {
                let (start, moves) = revolve.reach(target);
                let mut at = start.index();
                for step in moves {
                    match step {
                        Move::Advance(to) => {
                            report.evaluations += to - at;
                            at = to;
                        }
                        Move::Store => report.checkpoints_written += 1,
                    }
                }
                peak = peak.max(revolve.kept());
                // The step that is taped and pulled back.
                report.evaluations += 1;
            }
            report.recomputed = report.evaluations - steps;
            report.peak_checkpoint_bytes = peak.saturating_mul(state_bytes);
        }
    }
    report
}
