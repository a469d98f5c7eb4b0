//! The cloud-in-cell readout as an operator.

use adastra_core::{Adjoint, Operator, Real, Result, Tangent};
use adastra_grid::Mesh;
use ndarray::{Array1, Array2, Array3};

use crate::arrays::{add, dense, dense_mut, positions, shape, triple};
use crate::cic::Cic;
use crate::slabs::{SORTED, Slabs};

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
        let field = dense(&field);
        let slabs = Slabs::new(&cic, &dense(&position), |_| ());
        let read = slabs.gather([&field], |cloud, (), &[corners]| cloud.value(corners));
        read.each(
            dense_mut(&mut values).chunks_mut(SORTED),
            |values, i, value| values[i] = value,
        );
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
        shape(
            "tangent of the positions",
            dposition.shape(),
            position.shape(),
        )?;
        let cic = Cic::new(&self.mesh);
        let n = position.nrows();
        let (mut values, mut dvalues) = (Array1::zeros(n), Array1::zeros(n));
        let (field, dfield) = (dense(&field), dense(&dfield));
        let dposition = dense(&dposition);
        let slabs = Slabs::new(&cic, &dense(&position), |i| triple(&dposition, i));
        let read = slabs.gather([&field, &dfield], |cloud, dx, &[corners, dcorners]| {
            let [gx, gy, gz] = cloud.gradient(corners);
            let moved = gx * dx[0] + gy * dx[1] + gz * dx[2];
            (cloud.value(corners), cloud.value(dcorners) + moved)
        });
        let values_of = dense_mut(&mut values).chunks_mut(SORTED);
        let dvalues_of = dense_mut(&mut dvalues).chunks_mut(SORTED);
        read.each(
            values_of.zip(dvalues_of),
            |(values, dvalues), i, (value, dvalue)| {
                values[i] = value;
                dvalues[i] = dvalue;
            },
        );
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
        shape(
            "cotangent of the values",
            value_bar.shape(),
            &[position.nrows()],
        )?;
        let cic = Cic::new(&self.mesh);
        let mut field_bar = self.mesh.zeros();
        let mut position_bar = Array2::zeros(position.raw_dim());
        let (field, value_bar) = (dense(&field), dense(&value_bar));
        let slabs = Slabs::new(&cic, &dense(&position), |i| value_bar[i]);
        let slopes = slabs.gather([&field], |cloud, &bar, &[corners]| {
            cloud.gradient(corners).map(|slope| bar * slope)
        });
        slopes.each(
            dense_mut(&mut position_bar).chunks_mut(3 * SORTED),
            |position_bar, i, slope| {
                add(&mut position_bar[3 * i..3 * i + 3], slope);
            },
        );
        slabs.scatter([dense_mut(&mut field_bar)], |cloud, &bar| {
            [cloud.weights(bar)]
        });
        Ok((field_bar, position_bar))
    }
}
