//! The cloud-in-cell deposit as an operator.

use adastra_core::{Adjoint, Operator, Real, Result, Tangent};
use adastra_grid::Mesh;
use ndarray::{Array1, Array2, Array3};

use crate::arrays::{CHUNK, dense, dense_mut, each, positions, shape};
use crate::cic::Cic;
use crate::scatter::scatter;

/// Cloud-in-cell deposit: positions (n, 3) in kpc and masses (n,) in Msun to a density
/// (nx, ny, nz) in Msun/kpc^3.
///
/// `rho_c = sum_i m_i w_c(x_i) / V` with the weights of Hockney & Eastwood (1988), section 5-3-1,
/// on cells of volume `V`. The density is piecewise smooth in the positions: where a particle
/// crosses the centre of a cell, the derivative is the one on the side of larger x.
///
/// The result has the same bits for any number of threads. As with every operator here, positions
/// outside of the box are wrapped into it.
#[derive(Debug, Clone, PartialEq)]
pub struct Deposit {
    mesh: Mesh,
}

impl Deposit {
    /// A deposit onto `mesh`.
    pub fn new(mesh: &Mesh) -> Self {
        Self { mesh: mesh.clone() }
    }
}

/// `rho += m w / V`.
pub(crate) fn deposit<T: Real>(
    cic: &Cic<T>,
    position: &Array2<T>,
    mass: &Array1<T>,
    rho: &mut Array3<T>,
) {
    let mass = dense(mass);
    scatter(cic, &dense(position), [dense_mut(rho)], |i, cloud| {
        [cloud.weights(mass[i] * cic.per_volume)]
    });
}

/// Adjoint of [`deposit`]: adds to the cotangents of positions and masses.
pub(crate) fn deposit_vjp<T: Real>(
    cic: &Cic<T>,
    position: &Array2<T>,
    mass: &Array1<T>,
    rho_bar: &Array3<T>,
    position_bar: &mut Array2<T>,
    mass_bar: &mut Array1<T>,
) {
    let (position, mass, rho_bar) = (dense(position), dense(mass), dense(rho_bar));
    let inputs = position.chunks(3 * CHUNK).zip(mass.chunks(CHUNK));
    let outputs = dense_mut(position_bar)
        .chunks_mut(3 * CHUNK)
        .zip(dense_mut(mass_bar).chunks_mut(CHUNK));
    each(inputs.zip(outputs), |((x, m), (x_bar, m_bar))| {
        let bars = x_bar.chunks_exact_mut(3).zip(m_bar);
        for ((x, &m), (x_bar, m_bar)) in x.chunks_exact(3).zip(m).zip(bars) {
            let cloud = cic.cloud(x);
            let corners = cic.corners(&cloud, &rho_bar);
            *m_bar += cic.per_volume * cloud.value(corners);
            for (x_bar, slope) in x_bar.iter_mut().zip(cloud.gradient(corners)) {
                *x_bar += m * cic.per_volume * slope;
            }
        }
    });
}

impl<T: Real> Operator<T> for Deposit {
    type Params = ();
    type In = (Array2<T>, Array1<T>);
    type Out = Array3<T>;

    /// # Errors
    /// [`Error::Shape`](adastra_core::Error::Shape) unless the shapes are (n, 3) and (n,);
    /// [`ParticleError::Particle`](crate::ParticleError::Particle) where a position is not finite.
    fn apply(&self, (): &(), (position, mass): Self::In) -> Result<Array3<T>> {
        positions(&position, mass.len())?;
        let mut rho = self.mesh.zeros();
        deposit(&Cic::new(&self.mesh), &position, &mass, &mut rho);
        Ok(rho)
    }
}

impl<T: Real> Tangent<T> for Deposit {
    fn jvp(
        &self,
        (): &(),
        (): &(),
        (position, mass): Self::In,
        (dposition, dmass): Self::In,
    ) -> Result<(Array3<T>, Array3<T>)> {
        positions(&position, mass.len())?;
        positions(&dposition, mass.len())?;
        shape("tangent of the masses", dmass.shape(), mass.shape())?;
        let cic = Cic::new(&self.mesh);
        let (mut rho, mut drho) = (self.mesh.zeros(), self.mesh.zeros());
        let meshes = [dense_mut(&mut rho), dense_mut(&mut drho)];
        let (dx, m, dm) = (dense(&dposition), dense(&mass), dense(&dmass));
        scatter(&cic, &dense(&position), meshes, |i, cloud| {
            let dx = [dx[3 * i], dx[3 * i + 1], dx[3 * i + 2]];
            let (m, dm) = (m[i] * cic.per_volume, dm[i] * cic.per_volume);
            let (shifted, grown) = (cloud.weights_along(m, dx), cloud.weights(dm));
            [cloud.weights(m), std::array::from_fn(|corner| shifted[corner] + grown[corner])]
        });
        Ok((rho, drho))
    }
}

impl<T: Real> Adjoint<T> for Deposit {
    /// Positions and masses.
    type Saved = (Array2<T>, Array1<T>);

    fn record(&self, (): &(), x: Self::In) -> Result<(Array3<T>, Self::Saved)> {
        Ok((self.apply(&(), x.clone())?, x))
    }

    fn vjp(
        &self,
        (): &(),
        (position, mass): Self::Saved,
        rho_bar: Array3<T>,
        (): &mut (),
    ) -> Result<Self::In> {
        shape("cotangent of the density", rho_bar.shape(), &self.mesh.cells())?;
        let mut position_bar = Array2::zeros(position.raw_dim());
        let mut mass_bar = Array1::zeros(mass.raw_dim());
        let cic = Cic::new(&self.mesh);
        deposit_vjp(&cic, &position, &mass, &rho_bar, &mut position_bar, &mut mass_bar);
        Ok((position_bar, mass_bar))
    }
}
