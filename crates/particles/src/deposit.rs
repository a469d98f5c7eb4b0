//! The cloud-in-cell deposit as an operator.

use adastra_core::{Adjoint, Operator, Real, Result, Tangent};
use adastra_grid::Mesh;
use ndarray::{Array1, Array2, Array3};

use crate::arrays::{add, dense, dense_mut, positions, shape, triple};
use crate::cic::Cic;
use crate::slabs::{SORTED, Slabs};

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
    let slabs = Slabs::new(cic, &dense(position), |i| mass[i] * cic.per_volume);
    slabs.scatter([dense_mut(rho)], |cloud, &m| [cloud.weights(m)]);
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
    let (mass, rho_bar) = (dense(mass), dense(rho_bar));
    let slabs = Slabs::new(cic, &dense(position), |i| mass[i] * cic.per_volume);
    let bars = slabs.gather([&rho_bar], |cloud, &m, &[corners]| {
        (
            cloud.gradient(corners).map(|slope| m * slope),
            cic.per_volume * cloud.value(corners),
        )
    });
    let position_bar = dense_mut(position_bar).chunks_mut(3 * SORTED);
    let mass_bar = dense_mut(mass_bar).chunks_mut(SORTED);
    bars.each(
        position_bar.zip(mass_bar),
        |(position_bar, mass_bar), i, (slope, value)| {
            add(&mut position_bar[3 * i..3 * i + 3], slope);
            mass_bar[i] += value;
        },
    );
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
        let slabs = Slabs::new(&cic, &dense(&position), |i| {
            (
                m[i] * cic.per_volume,
                dm[i] * cic.per_volume,
                triple(&dx, i),
            )
        });
        slabs.scatter(meshes, |cloud, &(m, dm, dx)| {
            let (shifted, grown) = (cloud.weights_along(m, dx), cloud.weights(dm));
            [
                cloud.weights(m),
                std::array::from_fn(|corner| shifted[corner] + grown[corner]),
            ]
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
        shape(
            "cotangent of the density",
            rho_bar.shape(),
            &self.mesh.cells(),
        )?;
        let mut position_bar = Array2::zeros(position.raw_dim());
        let mut mass_bar = Array1::zeros(mass.raw_dim());
        let cic = Cic::new(&self.mesh);
        deposit_vjp(
            &cic,
            &position,
            &mass,
            &rho_bar,
            &mut position_bar,
            &mut mass_bar,
        );
        Ok((position_bar, mass_bar))
    }
}
