//! What gas conserves.

use adastra_core::{Real, Result};
use rayon::prelude::*;

use crate::arrays::dense;
use crate::state::shapes;
use crate::{EquationOfState, Gas};

/// Sums over the cells that a run conserves, or exchanges with other matter.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Conserved {
    /// Total mass, in Msun.
    pub mass: f64,
    /// Total momentum, in Msun km/s.
    pub momentum: [f64; 3],
    /// Kinetic energy, in Msun (km/s)^2.
    pub kinetic_energy: f64,
    /// Thermal energy, in Msun (km/s)^2; zero for isothermal gas, which exchanges heat.
    pub thermal_energy: f64,
}

impl<T: Real, E: EquationOfState<T>> Gas<T, E> {
    /// Sums over the cells of `x`, in f64 and in a fixed order.
    ///
    /// # Errors
    /// [`Error::Shape`](adastra_core::Error::Shape).
    pub fn conserved(&self, x: &E::State) -> Result<Conserved> {
        let fields = E::fields(x);
        shapes(&fields, self.mesh().cells())?;
        let fields: Vec<_> = fields.into_iter().map(dense).collect();
        let [_, ny, nz] = self.mesh().cells();
        let planes: Vec<[f64; 6]> = (0..fields[0].len())
            .into_par_iter()
            .step_by(ny * nz)
            .map(|first| {
                let mut sums = [0.0; 6];
                for at in first..first + ny * nz {
                    let rho = fields[0][at].f64();
                    sums[0] += rho;
                    let mut squares = 0.0;
                    for d in 1..4 {
                        let m = fields[d][at].f64();
                        sums[d] += m;
                        squares += m * m;
                    }
                    let kinetic = 0.5 * squares / rho;
                    sums[4] += kinetic;
                    if E::ENERGY {
                        sums[5] += fields[4][at].f64() - kinetic;
                    }
                }
                sums
            })
            .collect();
        let volume = self.mesh().cell_volume();
        let sum = |n: usize| volume * planes.iter().map(|plane| plane[n]).sum::<f64>();
        Ok(Conserved {
            mass: sum(0),
            momentum: [sum(1), sum(2), sum(3)],
            kinetic_energy: sum(4),
            thermal_energy: sum(5),
        })
    }
}
