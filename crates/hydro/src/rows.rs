//! Rows of cells along z, padded so that vector loops need no tail and no wrap.

/// Numbers before and after a row: room for the periodic neighbour, and for the widest register
/// in `f32`.
pub(crate) const PAD: usize = 16;

/// The shape of padded rows; the fields of one row lie one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Cells along z.
    pub(crate) nz: usize,
    /// Numbers from one field of a row to the next.
    pub(crate) stride: usize,
}

impl Layout {
    pub(crate) fn new(nz: usize) -> Self {
        Self {
            nz,
            stride: PAD + nz.next_multiple_of(PAD) + PAD,
        }
    }
}

/// Padded rows of planes that a sweep along x passes, `planes` of them at a time.
pub(crate) struct Ring<T> {
    data: Vec<T>,
    planes: usize,
    rows: usize,
    /// Numbers of a row with all its fields.
    group: usize,
}

impl<T: Copy> Ring<T> {
    pub(crate) fn new(zero: T, planes: usize, rows: usize, group: usize) -> Self {
        Self {
            data: vec![zero; planes * rows * group],
            planes,
            rows,
            group,
        }
    }

    fn at(&self, plane: usize, row: usize) -> usize {
        (plane % self.planes * self.rows + row) * self.group
    }

    pub(crate) fn row(&self, plane: usize, row: usize) -> &[T] {
        let at = self.at(plane, row);
        &self.data[at..at + self.group]
    }

    pub(crate) fn row_mut(&mut self, plane: usize, row: usize) -> &mut [T] {
        let at = self.at(plane, row);
        &mut self.data[at..at + self.group]
    }

    /// Several different rows at once, in the order asked for.
    pub(crate) fn rows_mut<const K: usize>(
        &mut self,
        wanted: [(usize, usize); K],
    ) -> [&mut [T]; K] {
        let group = self.group;
        let mut ranges = [const { 0..0 }; K];
        for (range, (plane, row)) in ranges.iter_mut().zip(wanted) {
            let at = self.at(plane, row);
            *range = at..at + group;
        }
        self.data
            .get_disjoint_mut(ranges)
            .expect("rows of a ring that differ")
    }
}
