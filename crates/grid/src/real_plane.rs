//! Two-dimensional real-to-complex transforms of the planes of constant x.
//!
//! Two real lines are transformed as the real and imaginary part of one complex line. The zero
//! and the Nyquist column of the half spectrum are transforms of real numbers in turn, and share
//! a complex column on their way along y. So every transform here is a complex one of full
//! length, whose lanes are all in use.

use adastra_core::Real;

use crate::blocks::{self, Blocks};
use crate::lanes::{TILE, row, width};
use crate::line::Line;
use crate::pool::Pool;

/// The plan for a plane of `(ny, nz)` cells.
pub(crate) struct RealPlane<T> {
    along_y: Line<T>,
    along_z: Line<T>,
    /// Blocks along z that hold the modes `iz < nz/2` of one y.
    z_blocks: usize,
    /// Rows of the modes `iz < nz/2` of the first of two lines in a separated block.
    first: Vec<usize>,
    /// Rows of those of the second line.
    second: Vec<usize>,
    /// Places (see [`crate::blocks`]) of the cells of the first and of the second line, and of
    /// their modes.
    cell_places: [Vec<usize>; 2],
    mode_places: [Vec<usize>; 2],
    moves: Box<dyn Blocks<T>>,
    tiles: Pool<T>,
}

impl<T: Real> RealPlane<T> {
    pub(crate) fn new(ny: usize, nz: usize) -> Self {
        let (along_y, along_z) = (Line::new(ny), Line::new(nz));
        let (half, width, row) = (nz / 2, width::<T>(), row::<T>());
        let first = along_z.position[..half].to_vec();
        let mirror = |iz: usize| if iz == 0 { half } else { nz - iz };
        let second: Vec<usize> = (0..half).map(|iz| along_z.position[mirror(iz)]).collect();
        let z_blocks = half.div_ceil(width);
        let cell_places = [0, width].map(|part| (0..nz).map(|iz| iz * row + part).collect());
        let mode_places = [&first, &second].map(|rows| {
            // What a block holds beyond the last mode goes to a spare row at the end.
            let place = |iz: usize| rows.get(iz).unwrap_or(&nz) * row;
            let parts = (0..z_blocks).flat_map(|block| [(block, 0), (block, width)]);
            let places = parts.flat_map(|(block, part)| {
                (0..width).map(move |lane| place(block * width + lane) + part)
            });
            places.collect()
        });
        let tiles = Pool::new((TILE * ny).max(nz + 1) * row);
        let moves = blocks::blocks();
        Self {
            along_y,
            along_z,
            z_blocks,
            first,
            second,
            cell_places,
            mode_places,
            moves,
            tiles,
        }
    }

    /// Numbers that hold the modes `iz < nz/2` of one y.
    pub(crate) fn line_len(&self) -> usize {
        self.z_blocks * row::<T>()
    }

    /// Numbers that hold the modes `iz = nz/2` of the plane.
    pub(crate) fn nyquist_len(&self) -> usize {
        self.along_y.n.div_ceil(width::<T>()) * row::<T>()
    }

    /// Transforms `cells`, `(ny, nz)` in C order, to the modes `iz < nz/2` in `main`, blocks
    /// along z, and `iz = nz/2` in `nyquist`, blocks along y.
    pub(crate) fn forward(&self, cells: &[T], main: &mut [T], nyquist: &mut [T]) {
        let (nz, line_len, moves) = (self.along_z.n, self.line_len(), &*self.moves);
        let group = row::<T>() * nz;
        let mut tile = self.tiles.take();
        let block = &mut tile[..(nz + 1) * row::<T>()];
        let modes = main.chunks_mut(row::<T>() * line_len);
        for (start, modes) in (0..cells.len()).step_by(group).zip(modes) {
            let (cells, later) = cells[start..].split_at(group.min(cells.len() - start));
            let pairs = (cells.len() / nz).div_ceil(2);
            let (first, second) = cells.split_at(pairs * nz);
            moves.lines_in(first, &self.cell_places[0], block);
            moves.lines_in(second, &self.cell_places[1], block);
            moves.prefetch(later.get(..group).unwrap_or(later));
            self.along_z.kernel.forward(block);
            moves.separate(block, &self.first, &self.second);
            let (first, second) = modes.split_at_mut(pairs * line_len);
            moves.lines_out(block, &self.mode_places[0], first);
            moves.lines_out(block, &self.mode_places[1], second);
        }
        let line = &self.along_y;
        self.along_y(
            main,
            &mut tile,
            &line.natural,
            &line.order,
            T::one(),
            |first, block| {
                line.kernel.forward(block);
                if first {
                    split_nyquist(block, &line.position, nyquist);
                }
            },
        );
    }

    /// Inverse of [`RealPlane::forward`], times `ny nz scale`; `main` is used up.
    pub(crate) fn inverse(&self, main: &mut [T], nyquist: &[T], scale: T, cells: &mut [T]) {
        let (nz, line_len, moves) = (self.along_z.n, self.line_len(), &*self.moves);
        let mut tile = self.tiles.take();
        let line = &self.along_y;
        self.along_y(
            main,
            &mut tile,
            &line.order,
            &line.natural,
            scale,
            |first, block| {
                if first {
                    join_nyquist(block, &line.order, nyquist);
                }
                line.kernel.inverse(block);
            },
        );
        let block = &mut tile[..(nz + 1) * row::<T>()];
        let lines = cells
            .chunks_mut(row::<T>() * nz)
            .zip(main.chunks(row::<T>() * line_len));
        for (cells, modes) in lines {
            let pairs = (cells.len() / nz).div_ceil(2);
            let (first, second) = modes.split_at(pairs * line_len);
            moves.lines_in(first, &self.mode_places[0], block);
            moves.lines_in(second, &self.mode_places[1], block);
            moves.prefetch(cells);
            moves.combine(block, &self.first, &self.second);
            self.along_z.kernel.inverse(block);
            let (first, second) = cells.split_at_mut(pairs * nz);
            moves.lines_out(block, &self.cell_places[0], first);
            moves.lines_out(block, &self.cell_places[1], second);
        }
    }

    /// Transforms the columns of modes along y; `transform` learns which block is the first.
    fn along_y(
        &self,
        main: &mut [T],
        tile: &mut [T],
        from: &[usize],
        to: &[usize],
        scale: T,
        mut transform: impl FnMut(bool, &mut [T]),
    ) {
        let block_len = self.along_y.n * row::<T>();
        let tile = &mut tile[..TILE * block_len];
        let mut plane: Vec<_> = main.chunks_exact_mut(self.line_len()).collect();
        for start in (0..self.z_blocks).step_by(TILE) {
            self.moves.rows_in(&plane, start * row::<T>(), from, tile);
            for (i, block) in (start..self.z_blocks).zip(tile.chunks_exact_mut(block_len)) {
                transform(i == 0, block);
            }
            self.moves
                .rows_out(tile, to, scale, &mut plane, start * row::<T>());
        }
    }
}

/// Lane 0 holds `P = D + iN`, the transforms of two real columns: leaves `D` in its place and
/// puts `N`, the Nyquist column, into blocks along y.
#[inline(always)]
fn split_nyquist<T: Real>(block: &mut [T], position: &[usize], nyquist: &mut [T]) {
    let (width, row, half, n) = (width::<T>(), row::<T>(), T::of(0.5), position.len());
    for k in 0..=n / 2 {
        let mirror = (n - k) % n;
        let (p, q) = (position[k] * row, position[mirror] * row);
        let (re_p, im_p, re_q, im_q) = (block[p], block[p + width], block[q], block[q + width]);
        let (re, im) = (half * (re_p + re_q), half * (im_p - im_q));
        (block[p], block[p + width]) = (re, im);
        if mirror != k {
            (block[q], block[q + width]) = (re, -im);
        }
        let (re, im) = (half * (im_p + im_q), half * (re_q - re_p));
        for (k, im) in [(k, im), (mirror, -im)] {
            let at = k / width * row + k % width;
            (nyquist[at], nyquist[at + width]) = (re, im);
        }
    }
}

/// Inverse of [`split_nyquist`].
#[inline(always)]
fn join_nyquist<T: Real>(block: &mut [T], order: &[usize], nyquist: &[T]) {
    let (width, row) = (width::<T>(), row::<T>());
    for (to, &k) in block.chunks_exact_mut(row).zip(order) {
        let at = k / width * row + k % width;
        let (re, im) = (nyquist[at], nyquist[at + width]);
        to[0] -= im;
        to[width] += re;
    }
}
