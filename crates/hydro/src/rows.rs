//! Rows of cells along z, padded so that vector loops need no tail and no wrap.

/// Numbers before and after a row: room for the periodic neighbour, and for the widest register
/// in `f32`.
pub(crate) const PAD: usize = 16;

/// Bytes of a line of the cache: not more than [`PAD`] numbers.
const LINE: usize = 64;

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

/// The fields of a padded row, in the order for faces across `axis`: its velocity first.
///
/// They are slices of one length, so that one check of an index stands for all of them.
#[inline(always)]
pub(crate) fn split<T, const F: usize>(layout: Layout, rows: &[T], axis: usize) -> [&[T]; F] {
    let mut out: [&[T]; F] = [&[]; F];
    let mut rest = rows;
    for f in 0..F {
        (out[f], rest) = rest.split_at(layout.stride);
    }
    turn(&mut out, axis);
    out
}

/// [`split`], to write to.
#[inline(always)]
pub(crate) fn split_mut<T, const F: usize>(
    layout: Layout,
    rows: &mut [T],
    axis: usize,
) -> [&mut [T]; F] {
    let mut out: [&mut [T]; F] = std::array::from_fn(|_| Default::default());
    let mut rest = rows;
    for f in 0..F {
        (out[f], rest) = rest.split_at_mut(layout.stride);
    }
    turn(&mut out, axis);
    out
}

/// The axis for which fields keep the order of the state.
pub(crate) const PLAIN: usize = 0;

/// Turns the velocities so that the one along `axis` comes first.
#[inline(always)]
fn turn<X, const F: usize>(fields: &mut [X; F], axis: usize) {
    match axis {
        0 => {}
        1 => {
            fields.swap(1, 2);
            fields.swap(2, 3);
        }
        _ => {
            fields.swap(1, 3);
            fields.swap(2, 3);
        }
    }
}

/// Padded rows of planes that a sweep along x passes, `P` of them at a time.
///
/// Rows begin at a line of the cache: registers that lie across two lines take twice as long.
pub(crate) struct Ring<T, const P: usize> {
    data: Vec<T>,
    /// Where the first row begins.
    first: usize,
    rows: usize,
    /// Numbers of a row with all its fields.
    group: usize,
}

impl<T: Copy, const P: usize> Ring<T, P> {
    pub(crate) fn new(zero: T, rows: usize, group: usize) -> Self {
        let data = vec![zero; P * rows * group + PAD];
        let first = data.as_ptr().align_offset(LINE).min(PAD);
        Self {
            data,
            first,
            rows,
            group,
        }
    }

    fn at(&self, plane: usize, row: usize) -> usize {
        self.first + (plane % P * self.rows + row) * self.group
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

/// Rows of one plane, and the first ones of the next, where each row of the next plane takes the room
/// of the row before in the last one: what is written lies where has just been read.
///
/// Rows come in order, and one has been used up when the next one of the next plane is written.
pub(crate) struct Belt<T> {
    ring: Ring<T, 1>,
    rows: usize,
}

impl<T: Copy> Belt<T> {
    pub(crate) fn new(zero: T, rows: usize, group: usize) -> Self {
        Self {
            ring: Ring::new(zero, rows + 1, group),
            rows,
        }
    }

    fn place(&self, plane: usize, row: usize) -> (usize, usize) {
        // One back for each plane.
        (0, (row + plane * self.rows) % (self.rows + 1))
    }

    pub(crate) fn row(&self, plane: usize, row: usize) -> &[T] {
        let (plane, row) = self.place(plane, row);
        self.ring.row(plane, row)
    }

    pub(crate) fn row_mut(&mut self, plane: usize, row: usize) -> &mut [T] {
        let (plane, row) = self.place(plane, row);
        self.ring.row_mut(plane, row)
    }

    /// Several different rows at once, in the order asked for.
    pub(crate) fn rows_mut<const K: usize>(
        &mut self,
        wanted: [(usize, usize); K],
    ) -> [&mut [T]; K] {
        let wanted = wanted.map(|(plane, row)| self.place(plane, row));
        self.ring.rows_mut(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_belt_keeps_a_row_until_the_next_plane_has_passed_it() {
        let mut belt = Belt::new(0, 5, 1);
        for plane in 0..13 {
            for row in 0..5 {
                belt.row_mut(plane, row)[0] = 10 * plane + row;
                if plane > 0 {
                    assert_eq!(belt.row(plane - 1, row)[0], 10 * (plane - 1) + row);
                }
                for before in 0..row {
                    assert_eq!(belt.row(plane, before)[0], 10 * plane + before);
                }
            }
        }
    }
}
