//! Two-dimensional real-to-complex transforms of the planes of constant x.
//!
//! Two real lines are transformed as the real and imaginary part of one complex line. The zero
//! and the Nyquist column of the half spectrum are transforms of real numbers in turn, and share
//! a complex column on their way along y. So every transform here is a complex one of full
//! length, whose lanes are all in use.

use adastra_core::Real;

use crate::blocks::{Blocks, blocks};
use crate::lanes::{Rows, row, width};
use crate::line::{Line, ModePlaces};
use crate::pool::Pool;

/// The plan for a plane of `(ny, nz)` cells.
pub(crate) struct RealPlane<T> {
    pub(crate) along_y: Line<T>,
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
    mode_places: [ModePlaces; 2],
    moves: Box<dyn Blocks<T>>,
    blocks: Pool<T>,
}

impl<T: Real> RealPlane<T> {
    pub(crate) fn new(ny: usize, nz: usize) -> Self {
        let (along_y, along_z) = (Line::new(ny), Line::new(nz));
        let (half, width, row) = (nz / 2, width::<T>(), row::<T>());
        let first = along_z.position[..half].to_vec();
        let mirror = |iz: usize| if iz == 0 { half } else { nz - iz };
        let second: Vec<usize> = (0..half).map(|iz| along_z.position[mirror(iz)]).collect();
        let cell_places = [0, width].map(|part| (0..nz).map(|iz| iz * row + part).collect());
        let mode_places = [&first, &second].map(|rows| ModePlaces::new::<T>(nz, rows));
        Self {
            along_y,
            along_z,
            z_blocks: half.div_ceil(width),
            first,
            second,
            cell_places,
            mode_places,
            moves: blocks(),
            blocks: Pool::new(ModePlaces::rows(nz) * row),
        }
    }

    /// Blocks along z that hold the modes `iz < nz/2` of one y.
    pub(crate) fn z_blocks(&self) -> usize {
        self.z_blocks
    }

    /// Transforms `cells`, `(ny, nz)` in C order, to the modes `iz < nz/2` in `main`, blocks
    /// along z, and `iz = nz/2` in `nyquist`, blocks along y. Row `i` of `main` is for the mode
    /// `along_y.order[i]`; the rows of `main` and of `nyquist` lie `line` and `nyquist_line` apart.
    /// `meanwhile(block)` is called before each block along z, to ask for memory.
    pub(crate) fn forward(
        &self,
        cells: &[T],
        main: &mut [T],
        line: usize,
        nyquist: &mut [T],
        nyquist_line: usize,
        meanwhile: impl Fn(usize),
    ) {
        let (nz, moves) = (self.along_z.n, &*self.moves);
        let group = row::<T>() * nz;
        let mut block = self.blocks.take();
        let modes = main.chunks_mut(row::<T>() * line);
        for (cells, modes) in cells.chunks(group).zip(modes) {
            let pairs = (cells.len() / nz).div_ceil(2);
            let (first, second) = cells.split_at(pairs * nz);
            moves.lines_in(first, nz, &self.cell_places[0], &mut block);
            moves.lines_in(second, nz, &self.cell_places[1], &mut block);
            moves.prefetch_after(cells, 0, group);
            self.along_z.kernel.forward(Rows::dense(&mut block));
            moves.separate(&mut block, &self.first, &self.second);
            let (first, second) = modes.split_at_mut(pairs * line);
            moves.lines_out(&block, &self.mode_places[0].out, T::one(), first, line);
            moves.lines_out(&block, &self.mode_places[1].out, T::one(), second, line);
        }
        for block in 0..self.z_blocks {
            meanwhile(block);
            let first = block * row::<T>();
            self.along_y.kernel.forward(Rows {
                data: main,
                stride: line,
                first,
            });
        }
        split_nyquist(main, line, &self.along_y.position, nyquist, nyquist_line);
    }

    /// Inverse of [`RealPlane::forward`], times `ny nz scale`; `main` is used up.
    pub(crate) fn inverse(
        &self,
        main: &mut [T],
        line: usize,
        nyquist: &[T],
        nyquist_line: usize,
        scale: T,
        cells: &mut [T],
        meanwhile: impl Fn(usize),
    ) {
        let (nz, moves) = (self.along_z.n, &*self.moves);
        join_nyquist(main, line, &self.along_y.order, nyquist, nyquist_line);
        for block in 0..self.z_blocks {
            meanwhile(block);
            let first = block * row::<T>();
            self.along_y.kernel.inverse(Rows {
                data: main,
                stride: line,
                first,
            });
        }
        let mut block = self.blocks.take();
        let lines = cells
            .chunks_mut(row::<T>() * nz)
            .zip(main.chunks(row::<T>() * line));
        for (cells, modes) in lines {
            let pairs = (cells.len() / nz).div_ceil(2);
            let (first, second) = modes.split_at(pairs * line);
            moves.lines_in(first, line, &self.mode_places[0].into, &mut block);
            moves.lines_in(second, line, &self.mode_places[1].into, &mut block);
            moves.prefetch(cells);
            moves.combine(&mut block, &self.first, &self.second);
            self.along_z.kernel.inverse(Rows::dense(&mut block));
            let (first, second) = cells.split_at_mut(pairs * nz);
            moves.lines_out(&block, &self.cell_places[0], scale, first, nz);
            moves.lines_out(&block, &self.cell_places[1], scale, second, nz);
        }
    }
}

/// The first lane of the first block of rows `line` apart holds `P = D + iN`, the transforms of
/// two real columns: leaves `D` in its place and puts `N`, the Nyquist column, into blocks along
/// y.
fn split_nyquist<T: Real>(
    main: &mut [T],
    line: usize,
    position: &[usize],
    nyquist: &mut [T],
    nyquist_line: usize,
) {
    let (width, half, n) = (width::<T>(), T::of(0.5), position.len());
    for k in 0..=n / 2 {
        let mirror = (n - k) % n;
        let (p, q) = (position[k] * line, position[mirror] * line);
        let (re_p, im_p, re_q, im_q) = (main[p], main[p + width], main[q], main[q + width]);
        let (re, im) = (half * (re_p + re_q), half * (im_p - im_q));
        (main[p], main[p + width]) = (re, im);
        if mirror != k {
            (main[q], main[q + width]) = (re, -im);
        }
        let (re, im) = (half * (im_p + im_q), half * (re_q - re_p));
        for (k, im) in [(k, im), (mirror, -im)] {
            let at = k / width * nyquist_line + k % width;
            (nyquist[at], nyquist[at + width]) = (re, im);
        }
    }
}

/// Inverse of [`split_nyquist`].
fn join_nyquist<T: Real>(
    main: &mut [T],
    line: usize,
    order: &[usize],
    nyquist: &[T],
    nyquist_line: usize,
) {
    let width = width::<T>();
    for (to, &k) in main.chunks_exact_mut(line).zip(order) {
        let at = k / width * nyquist_line + k % width;
        let (re, im) = (nyquist[at], nyquist[at + width]);
        to[0] -= im;
        to[width] += re;
    }
}
