//! What a run should conserve.

use adastra_core::{Real, Result};
use ndarray::Array3;

use crate::field::{cells, fold_planes};
use crate::{Wave, WaveParams, WaveState};

/// Mass, momentum and energies of a wave.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Energies {
    /// int |psi|^2, in Msun.
    pub mass: f64,
    /// (hbar/m) int Im(conj(psi) grad psi), in Msun km/s.
    pub momentum: [f64; 3],
    /// 1/2 (hbar/m)^2 int |grad psi|^2, in Msun (km/s)^2: of the flow, rho v^2/2, and of the
    /// gradient of the density (quantum pressure), together.
    pub kinetic: f64,
    /// 1/2 int rho V of the wave's own gravity, in Msun (km/s)^2, and int rho V of what is given.
    pub potential: f64,
    /// int (c1 rho^2/2 + c2 rho^3/3), in Msun (km/s)^2.
    pub self_interaction: f64,
}

impl Energies {
    /// The conserved sum, in Msun (km/s)^2.
    pub fn total(&self) -> f64 {
        self.kinetic + self.potential + self.self_interaction
    }
}

impl<T: Real> Wave<T> {
    /// Mass, momentum and energies of the wave `x` whose self-gravity is `potential`, in an
    /// `external` one, both in (km/s)^2.
    ///
    /// Where other matter gravitates too, give the potential of all: the energies then add up.
    /// Kinetic energy and momentum are exact sums over modes (one transform).
    ///
    /// # Errors
    /// [`adastra_core::Error::Range`] unless the boson mass is positive and the coupling finite;
    /// [`adastra_core::Error::Shape`] where a field is not of the mesh's shape in C order.
    pub fn energies(
        &self,
        p: &WaveParams<T>,
        x: &WaveState<T>,
        potential: &Array3<T>,
        external: Option<&Array3<T>>,
    ) -> Result<Energies> {
        p.check()?;
        let mesh = self.mesh();
        let [nx, ny, nz] = mesh.cells();
        let n = self.plane();
        let psi = cells("psi", &x.psi, mesh.cells())?;
        let v = self.field("potential", potential)?;
        let external = external
            .map(|v| self.field("external potential", v))
            .transpose()?;
        let interaction = p.interaction();
        let of_plane = |ix: usize| {
            let mut sums = [0.0; 3];
            for cell in ix * n..(ix + 1) * n {
                let (re, im) = (psi[cell].re.f64(), psi[cell].im.f64());
                let rho = re * re + im * im;
                let given = external.map_or(0.0, |v| v[cell].f64());
                sums[0] += rho;
                sums[1] += rho * (0.5 * v[cell].f64() + given);
                sums[2] += interaction.energy(rho);
            }
            sums
        };
        let [mass, potential, self_interaction] = fold_planes(nx, [0.0; 3], of_plane, add);

        let mut spectrum = self.copy(&x.psi)?;
        self.fft().forward(&mut spectrum);
        let amplitudes = cells("psi", &spectrum, mesh.cells())?;
        let k = [0, 1, 2].map(|axis| mesh.wavenumbers(axis));
        let first = [0, 1, 2].map(|axis| mesh.derivative_wavenumbers(axis));
        let of_plane = |ix: usize| {
            let mut sums = [0.0; 4];
            for iy in 0..ny {
                for iz in 0..nz {
                    let z = amplitudes[(ix * ny + iy) * nz + iz];
                    let (re, im) = (z.re.f64(), z.im.f64());
                    let power = re * re + im * im;
                    let k2 = k[0][ix].powi(2) + k[1][iy].powi(2) + k[2][iz].powi(2);
                    sums[0] += k2 * power;
                    for (sum, k) in
                        sums[1..]
                            .iter_mut()
                            .zip([first[0][ix], first[1][iy], first[2][iz]])
                    {
                        *sum += k * power;
                    }
                }
            }
            sums
        };
        let [k2, kx, ky, kz] = fold_planes(nx, [0.0; 4], of_plane, add);
        self.recycle(spectrum);

        // Parseval: sum_x = 1/N sum_k.
        let volume = mesh.cell_volume();
        let speed = 1.0 / p.m_per_hbar();
        let of_modes = volume / mesh.len() as f64;
        Ok(Energies {
            mass: volume * mass,
            momentum: [kx, ky, kz].map(|k| of_modes * speed * k),
            kinetic: 0.5 * of_modes * speed * speed * k2,
            potential: volume * potential,
            self_interaction: volume * self_interaction,
        })
    }
}

fn add<const N: usize>(mut sums: [f64; N], parts: [f64; N]) -> [f64; N] {
    sums.iter_mut()
        .zip(parts)
        .for_each(|(sum, part)| *sum += part);
    sums
}
