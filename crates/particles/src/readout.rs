//! The cloud-in-cell readout as an operator.

use adastra_core::{Adjoint, Operator, Real, Result, Tangent};
use adastra_grid::Mesh;
use ndarray::{Array1, Array2, Array3};

use crate::arrays::{CHUNK, dense, dense_mut, each, positions, shape};
use crate::cic::Cic;
use crate::scatter::scatter;

/// Cloud-in-cell readout: a field (nx, ny, nz) and positions (n, 3) in kpc to values (n,), in the
/// field's units.
///
/// `f(x) = sum_c w_c(x) f_c`, trilinear between cell centres (Hockney & Eastwood 1988, section
/// 5-3-1). It is the transpose of [`Deposit`](crate::Deposit) up to the volume of a cell, so that
/// particles exert no force on themselves. Where a position crosses the centre of a cell, the
/// derivative is the one on the side of larger x.
///
/// Value and adjoint have the same bits for any number of threads.
#[derive(Debug, Clone, PartialEq)]
pub struct Readout {
    mesh: Mesh,
}

impl Readout {
    /// A readout from `mesh`.
    pub fn new(mesh: &Mesh) -> Self {
        Self { mesh: mesh.clone() }
    }

    fn check<T: Real>(&self, field: &Array3<T>, position: &Array2<T>) -> Result<()> {
        shape("field to read out", field.shape(), &self.mesh.cells())?;
        positions(position, position.nrows())
    }
}

impl<T: Real> Operator<T> for Readout {
    type Params = ();
    type In = (Array3<T>, Array2<T>);
    type Out = Array1<T>;

    /// # Errors
    /// [`Error::Shape`](adastra_core::Error::Shape) unless the field has the shape of the mesh and
    /// the positions have (n, 3); [`ParticleError::Particle`](crate::ParticleError::Particle)
    /// where a position is not finite.
    fn apply(&self, (): &(), (field, position): Self::In) -> Result<Array1<T>> {
        self.check(&field, &position)?;
        let cic = Cic::new(&self.mesh);
        let mut values = Array1::zeros(position.nrows());
        let (field, position) = (dense(&field), dense(&position));
        let chunks = position.chunks(3 * CHUNK).zip(dense_mut(&mut values).chunks_mut(CHUNK));
        each(chunks, |(x, values)| {
            for (x, value) in x.chunks_exact(3).zip(values) {
                let cloud = cic.cloud(x);
                *value = cloud.value(cic.corners(&cloud, &field));
            }
        });
        Ok(values)
    }
}

impl<T: Real> Tangent<T> for Readout {
    fn jvp(
        &self,
        (): &(),
        (): &(),
        (field, position): Self::In,
        (dfield, dposition): Self::In,
    ) -> Result<(Array1<T>, Array1<T>)> {
        self.check(&field, &position)?;
        self.check(&dfield, &dposition)?;
        shape("tangent of the positions", dposition.shape(), position.shape())?;
        let cic = Cic::new(&self.mesh);
        let n = position.nrows();
        let (mut values, mut dvalues) = (Array1::zeros(n), Array1::zeros(n));
        let (field, dfield) = (dense(&field), dense(&dfield));
        let (position, dposition) = (dense(&position), dense(&dposition));
        let inputs = position.chunks(3 * CHUNK).zip(dposition.chunks(3 * CHUNK));
        let outputs = dense_mut(&mut values)
            .chunks_mut(CHUNK)
            .zip(dense_mut(&mut dvalues).chunks_mut(CHUNK));
        each(inputs.zip(outputs), |((x, dx), (values, dvalues))| {
            let inputs = x.chunks_exact(3).zip(dx.chunks_exact(3));
            for ((x, dx), (value, dvalue)) in inputs.zip(values.iter_mut().zip(dvalues)) {
                let cloud = cic.cloud(x);
                let corners = cic.corners(&cloud, &field);
                let [gx, gy, gz] = cloud.gradient(corners);
                *value = cloud.value(corners);
                *dvalue = cloud.value(cic.corners(&cloud, &dfield))
                    + (gx * dx[0] + gy * dx[1] + gz * dx[2]);
            }
        });
        Ok((values, dvalues))
    }
}

impl<T: Real> Adjoint<T> for Readout {
    /// Field and positions.
    type Saved = (Array3<T>, Array2<T>);

    fn record(&self, (): &(), x: Self::In) -> Result<(Array1<T>, Self::Saved)> {
        Ok((self.apply(&(), x.clone())?, x))
    }

    fn vjp(
        &self,
        (): &(),
        (field, position): Self::Saved,
        value_bar: Array1<T>,
        (): &mut (),
    ) -> Result<Self::In> {
        shape("cotangent of the values", value_bar.shape(), &[position.nrows()])?;
        let cic = Cic::new(&self.mesh);
        let mut field_bar = self.mesh.zeros();
        let mut position_bar = Array2::zeros(position.raw_dim());
        let (field, position, value_bar) = (dense(&field), dense(&position), dense(&value_bar));
        scatter(&cic, &position, [dense_mut(&mut field_bar)], |i, cloud| {
            [cloud.weights(value_bar[i])]
        });
        let inputs = position.chunks(3 * CHUNK).zip(value_bar.chunks(CHUNK));
        each(inputs.zip(dense_mut(&mut position_bar).chunks_mut(3 * CHUNK)), |((x, bar), x_bar)| {
            let inputs = x.chunks_exact(3).zip(bar);
            for ((x, &bar), x_bar) in inputs.zip(x_bar.chunks_exact_mut(3)) {
                let cloud = cic.cloud(x);
                let slopes = cloud.gradient(cic.corners(&cloud, &field));
                for (x_bar, slope) in x_bar.iter_mut().zip(slopes) {
                    *x_bar = bar * slope;
                }
            }
        });
        Ok((field_bar, position_bar))
    }
}
