//! Edges of the bins.

use std::f64::consts::TAU;

use adastra_core::{Error, Result};

use crate::Mesh;

/// Most bins: more than any mesh has shells.
const MOST_BINS: usize = 1 << 16;

/// Bins in the absolute value of the wavenumber: `edges[b] <= k < edges[b + 1]`, in rad/kpc.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    edges: Vec<f64>,
}

impl Bins {
    /// Bins of the width of the largest fundamental wavenumber, `w = 2 pi / min(size)`, centred
    /// on `0, w, 2 w, ...`, to the corner of the mesh.
    pub fn fundamental(mesh: &Mesh) -> Self {
        let width = TAU / mesh.size().into_iter().fold(f64::INFINITY, f64::min);
        let nyquist_squared = |axis: usize| {
            let k = std::f64::consts::PI / mesh.spacing()[axis];
            k * k
        };
        let corner = [0, 1, 2].map(nyquist_squared).iter().sum::<f64>().sqrt();
        let count = (corner / width + 0.5).floor() as usize + 1;
        let upper = (0..count).map(|b| (b as f64 + 0.5) * width);
        Self {
            edges: std::iter::once(0.0).chain(upper).collect(),
        }
    }

    /// Bins with the given edges, in rad/kpc.
    ///
    /// # Errors
    /// [`Error::Range`] unless there are 1 to 65536 bins, with edges finite, not negative and
    /// ascending.
    pub fn edges(edges: impl Into<Vec<f64>>) -> Result<Self> {
        let edges = edges.into();
        checked_count(edges.len().saturating_sub(1))?;
        let mut least = 0.0;
        for (i, &edge) in edges.iter().enumerate() {
            // Written so that NaN fails; the first edge may be zero.
            let ascending = edge > least || (i == 0 && edge == 0.0);
            if !(ascending && edge.is_finite()) {
                return Err(Error::Range {
                    name: format!("edges[{i}]"),
                    value: edge,
                    allowed: "finite, not negative, and larger than the edge before",
                });
            }
            least = edge;
        }
        Ok(Self { edges })
    }

    /// `count` bins of one `width` from the wavenumber `start` on, both in rad/kpc.
    ///
    /// # Errors
    /// [`Error::Range`] unless start, width and count make edges that [`Bins::edges`] takes.
    pub fn linear(start: f64, width: f64, count: usize) -> Result<Self> {
        checked_count(count)?;
        let edges = (0..=count).map(|b| start + b as f64 * width);
        Self::edges(edges.collect::<Vec<_>>())
    }

    /// `count` bins of one width in the logarithm between two wavenumbers in rad/kpc.
    ///
    /// # Errors
    /// [`Error::Range`] unless `0 < start < end` and there are 1 to 65536 bins.
    pub fn logarithmic(start: f64, end: f64, count: usize) -> Result<Self> {
        checked_count(count)?;
        let ratio = end / start;
        let edges = (0..=count).map(|b| start * ratio.powf(b as f64 / count as f64));
        Self::edges(edges.collect::<Vec<_>>())
    }

    /// Squares of the edges, lowered by what rounding may take from a mode on an edge.
    pub(super) fn squared_edges(&self) -> Vec<f64> {
        let lowered = |edge: &f64| edge * (1.0 - super::EDGE);
        let squared = |edge: f64| edge * edge;
        self.edges.iter().map(lowered).map(squared).collect()
    }

    /// The lowest edge.
    pub(super) fn start(&self) -> f64 {
        self.edges.first().copied().unwrap_or_default()
    }
}

/// Refuses no bins, and so many that only a mistake can mean them.
fn checked_count(count: usize) -> Result<()> {
    if (1..=MOST_BINS).contains(&count) {
        return Ok(());
    }
    Err(Error::Range {
        name: "number of bins".to_owned(),
        value: count as f64,
        allowed: "1 to 65536",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_checked() {
        let refused = |edges: &[f64]| Bins::edges(edges).unwrap_err().to_string();
        assert!(refused(&[1.0]).starts_with("number of bins = 0"));
        assert!(refused(&[-1.0, 1.0]).starts_with("edges[0] = -1"));
        assert!(refused(&[f64::NAN, 1.0]).starts_with("edges[0] = NaN"));
        assert!(refused(&[0.0, 1.0, 1.0]).starts_with("edges[2] = 1"));
        assert!(refused(&[0.0, f64::INFINITY]).starts_with("edges[1] = inf"));
        assert!(Bins::linear(0.0, -1.0, 3).is_err());
        assert!(Bins::linear(0.0, 1.0, 0).is_err());
        assert!(Bins::linear(0.0, 1.0, usize::MAX).is_err());
        assert!(Bins::logarithmic(1.0, 2.0, usize::MAX).is_err());
        assert!(Bins::logarithmic(0.0, 1.0, 3).is_err());
        assert!(Bins::logarithmic(2.0, 1.0, 3).is_err());
        assert_eq!(
            Bins::linear(0.5, 1.0, 2).unwrap(),
            Bins::edges([0.5, 1.5, 2.5]).unwrap()
        );
        let log = Bins::logarithmic(1.0, 16.0, 2).unwrap();
        assert!((log.edges[1] - 4.0).abs() < 1e-14);
    }
}
