//! How the mesh is cut into tasks.

use std::ops::Range;

/// A block of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) x: Range<usize>,
    pub(crate) y: Range<usize>,
}

impl Tile {
    /// Rows of a plane.
    pub(crate) fn rows(&self) -> usize {
        self.y.len()
    }
}

/// Planes of a tile at least, since the window is filled anew for each: as many, or half of that where
/// threads would have none.
const PLANES: usize = 32;

/// Tiles of about `rows` rows along y, and long along x, but so many that every thread has some.
pub(crate) fn tiles(cells: [usize; 3], rows: usize) -> Vec<Tile> {
    let [nx, ny, _] = cells;
    let across = ny.div_ceil(rows);
    let threads = rayon::current_num_threads();
    let spare = (2 * threads).div_ceil(across).min(nx / PLANES);
    let needed = threads.div_ceil(across).min(2 * nx / PLANES);
    let along = spare.max(needed).max(1);
    let mut tiles = Vec::with_capacity(across * along);
    for x in even(nx, along) {
        for y in even(ny, across) {
            tiles.push(Tile { x: x.clone(), y });
        }
    }
    tiles
}

/// Cuts `0..n` into `parts` ranges whose lengths differ by one at most.
fn even(n: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    (0..parts).map(move |i| i * n / parts..(i + 1) * n / parts)
}

/// Cuts fields into the rows of each tile, in the order of [`tiles`]: for each field, one slice a
/// plane.
pub(crate) fn deal<'a, T>(
    tiles: &[Tile],
    cells: [usize; 3],
    fields: Vec<&'a mut [T]>,
) -> Vec<Vec<Vec<&'a mut [T]>>> {
    let [_, ny, nz] = cells;
    let count = fields.len();
    let mut dealt: Vec<Vec<Vec<&mut [T]>>> = tiles
        .iter()
        .map(|tile| {
            (0..count)
                .map(|_| Vec::with_capacity(tile.x.len()))
                .collect()
        })
        .collect();
    for (f, field) in fields.into_iter().enumerate() {
        for (i, mut plane) in field.chunks_exact_mut(ny * nz).enumerate() {
            for (tile, dealt) in tiles.iter().zip(&mut dealt) {
                if tile.x.contains(&i) {
                    let (rows, rest) = plane.split_at_mut(tile.rows() * nz);
                    plane = rest;
                    dealt[f].push(rows);
                }
            }
        }
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_mesh_once() {
        for cells in [[2, 2, 4], [40, 34, 2], [128, 128, 2], [6, 100, 2]] {
            let tiles = tiles(cells, 16);
            let mut seen = vec![0; cells[0] * cells[1]];
            for tile in &tiles {
                for i in tile.x.clone() {
                    for j in tile.y.clone() {
                        seen[i * cells[1] + j] += 1;
                    }
                }
            }
            assert!(seen.iter().all(|&n| n == 1), "{cells:?}");

            let mut field: Vec<usize> = (0..seen.len() * cells[2]).collect();
            for (tile, dealt) in tiles.iter().zip(deal(&tiles, cells, vec![&mut field])) {
                for (i, rows) in tile.x.clone().zip(&dealt[0]) {
                    let first = (i * cells[1] + tile.y.start) * cells[2];
                    assert_eq!(rows[0], first);
                    assert_eq!(rows.len(), tile.rows() * cells[2]);
                }
            }
        }
    }
}
