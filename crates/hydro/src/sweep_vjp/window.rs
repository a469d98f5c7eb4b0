//! What the adjoint of a tile has in hand.

use crate::kernels_vjp::BLOCKS;
use crate::lane::Lane;
use crate::rows::{Belt, Layout, PAD, Ring};

/// The planes in hand. Planes count from three below the tile, rows likewise.
pub(crate) struct Window<T> {
    rows: usize,
    pub(super) layout: Layout,
    pub(super) primitive: Ring<T, 4>,
    /// Cotangent of the new state.
    pub(super) bar: Ring<T, 2>,
    pub(super) high_x: Belt<T>,
    pub(super) high_y: Ring<T, 1>,
    /// Whether each cell keeps its reconstruction.
    pub(super) valid: Ring<T, 2>,
    /// Cotangents of the states at the lower faces along x.
    pub(super) low_x_bar: Belt<T>,
    /// Cotangents of the cells of one plane: see [`BLOCKS`]. Those of a row make room for the next
    /// plane's once they are used.
    pub(super) cells: Ring<T, 1>,
    /// Cotangents of the primitive variables from the cells of their own plane.
    pub(super) primitive_bar: Ring<T, 1>,
    /// What comes from the plane below.
    pub(super) below_bar: Ring<T, 2>,
    /// Cotangents of a row and of the one below, as long as they lack what comes from above.
    pub(super) own: Ring<T, 1>,
    /// What a row gives to the next one along y.
    pub(super) carry: Ring<T, 1>,
    /// What the first row of a tile that closes on itself gives to the last one.
    pub(super) around: Ring<T, 1>,
    /// The cotangents of a row that has met all its cells.
    pub(super) whole: Ring<T, 1>,
    /// What comes from beyond the tile.
    pub(super) zeros: Ring<T, 1>,
    /// States at the lower faces along x, y and z and at the upper ones along z; what goes to the
    /// next cells along z; states at the lower faces along y of the first row; cotangents of the
    /// states at the upper faces along x.
    pub(super) scratch: Ring<T, 1>,
    /// One for each cell of a row, zero beyond.
    pub(super) live: Vec<T>,
}

impl<T: Lane> Window<T> {
    pub(crate) fn new<const F: usize>(rows: usize, layout: Layout) -> Self {
        let group = F * layout.stride;
        let zero = T::zero();
        let mut live = vec![T::zero(); layout.stride];
        live[PAD..PAD + layout.nz].fill(T::one());
        Self {
            rows,
            layout,
            primitive: Ring::new(zero, rows + 6, group),
            bar: Ring::new(zero, rows + 6, group),
            high_x: Belt::new(zero, rows + 6, group),
            high_y: Ring::new(zero, 2, group),
            valid: Ring::new(zero, rows + 6, layout.stride),
            low_x_bar: Belt::new(zero, rows + 6, group),
            cells: Ring::new(zero, rows + 6, BLOCKS * group),
            primitive_bar: Ring::new(zero, rows + 6, group),
            below_bar: Ring::new(zero, rows + 6, group),
            own: Ring::new(zero, 2, group),
            carry: Ring::new(zero, 1, group),
            around: Ring::new(zero, 1, group),
            whole: Ring::new(zero, 1, group),
            zeros: Ring::new(zero, 1, group),
            scratch: Ring::new(zero, 8, group),
            live,
        }
    }

    pub(crate) fn fits(&self, rows: usize, layout: Layout) -> bool {
        self.rows == rows && self.layout == layout
    }
}

/// Cotangents of primitive variables where a tile ends along x, row by row of the tile: what its
/// first and last planes still lack is with its neighbours.
pub(crate) struct Border<T>(pub(super) Ring<T, 5>);

/// What goes to the plane before the tile, and to the one after it.
pub(super) const BEFORE: usize = 0;
pub(super) const AFTER: usize = 1;
/// What the first plane and the last one have of their own, and what comes to the last one from the
/// plane below it.
pub(super) const FIRST: usize = 2;
pub(super) const LAST: usize = 3;
pub(super) const BELOW_LAST: usize = 4;

impl<T: Lane> Border<T> {
    pub(super) fn new<const F: usize>(rows: usize, layout: Layout) -> Self {
        Self(Ring::new(T::zero(), rows, F * layout.stride))
    }
}
