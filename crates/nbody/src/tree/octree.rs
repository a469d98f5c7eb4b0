//! Particles in the order of a space-filling curve, and the octree over them.
//!
//! Everything about the tree comes from coordinates that are rounded down to integers on a cube
//! whose side is a power of two and whose corner is a multiple of an eighth of it. So the cells,
//! their centres and radii, and which cells interact are piecewise constant in the positions.

use rayon::prelude::*;

/// Levels of the tree, at most: bits of an integer coordinate.
const LEVELS: u32 = 42;
/// A cell's box is rounded outwards to this fraction of its side.
const GRAIN: u32 = 3;
/// The least and the greatest side of a cube, as binary exponents. Their powers up to those that
/// occur stay within the range of f64.
const EXPONENTS: std::ops::RangeInclusive<i32> = -200..=500;

/// A cube of space.
#[derive(Clone, Copy)]
struct Cube {
    corner: [f64; 3],
    side: f64,
}

impl Cube {
    /// The smallest cube around positions, or a particle that is not in any.
    fn around(position: &[[f64; 3]]) -> Result<Self, usize> {
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for x in position {
            for k in 0..3 {
                low[k] = low[k].min(x[k]);
                high[k] = high[k].max(x[k]);
            }
        }
        let limit = 2f64.powi(*EXPONENTS.end() - 1);
        let outside = |x: &[f64; 3]| x.iter().any(|x| !(x.abs() < limit));
        if let Some(particle) = position.iter().position(outside) {
            return Err(particle);
        }
        let (mut extent, mut far) = (0.0f64, 0.0f64);
        for k in 0..3 {
            extent = extent.max(high[k] - low[k]);
            far = far.max(high[k].abs()).max(low[k].abs());
        }
        // Particles that coincide need a cube too, one that the numbers can resolve.
        let least = (8.0 / 7.0 * extent).max(far * 2f64.powi(-40));
        let exponent = least.max(f64::MIN_POSITIVE).log2().ceil() as i32;
        let side = 2f64.powi(exponent.clamp(*EXPONENTS.start(), *EXPONENTS.end()));
        let corner = low.map(|x| (x / side * 8.0).floor() / 8.0 * side);
        Ok(Self { corner, side })
    }

    /// Coordinates in units of the finest cells.
    fn integers(&self, x: &[f64; 3]) -> [u64; 3] {
        let cells = 2f64.powi(LEVELS as i32);
        std::array::from_fn(|k| {
            let cell = ((x[k] - self.corner[k]) / self.side * cells).max(0.0) as u64;
            cell.min((1 << LEVELS) - 1)
        })
    }
}

/// One bit of each coordinate after the other, the highest first.
fn key(x: [u64; 3]) -> u128 {
    const HALF: u32 = LEVELS / 2;
    // Leaves two zeros after each of 21 bits.
    let spread = |x: u64| {
        let mut x = x & 0x1f_ffff;
        for (shift, mask) in [
            (32, 0x001f_0000_0000_ffff),
            (16, 0x001f_0000_ff00_00ff),
            (8, 0x100f_00f0_0f00_f00f),
            (4, 0x10c3_0c30_c30c_30c3),
            (2, 0x1249_2492_4924_9249),
        ] {
            x = (x | x << shift) & mask;
        }
        x
    };
    let part = |shift: u32| {
        let [x, y, z] = x.map(|x| spread(x >> shift));
        u128::from(x << 2 | y << 1 | z)
    };
    part(HALF) << (3 * HALF) | part(0)
}

/// A cell of the tree.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    /// Its particles, in the order of the tree.
    pub(crate) first: u32,
    pub(crate) end: u32,
    /// Its first child, and how many there are.
    pub(crate) child: u32,
    pub(crate) children: u32,
}

impl Cell {
    pub(crate) fn particles(&self) -> std::ops::Range<usize> {
        self.first as usize..self.end as usize
    }
    pub(crate) fn children(&self) -> std::ops::Range<usize> {
        self.child as usize..(self.child + self.children) as usize
    }
    pub(crate) fn is_leaf(&self) -> bool {
        self.children == 0
    }
}

/// The ball around a cell's box.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ball {
    pub(crate) centre: [f64; 3],
    pub(crate) radius: f64,
}

/// Particles in cells. Lengths are in units of the side of the cube.
pub(crate) struct Octree {
    /// The particles in the order of the tree.
    pub(crate) order: Vec<u32>,
    /// Siblings lie side by side, after their parents; the root comes first.
    pub(crate) cells: Vec<Cell>,
    pub(crate) balls: Vec<Ball>,
    /// Where the cells of each generation begin.
    pub(crate) generations: Vec<usize>,
    corner: [f64; 3],
    /// One over the side of the cube.
    pub(crate) inverse_side: f64,
}

impl Octree {
    /// A tree whose leaves hold up to `leaf` particles, or a particle that no tree can hold.
    pub(crate) fn new(position: &[[f64; 3]], leaf: usize) -> Result<Self, usize> {
        let cube = Cube::around(position)?;
        let mut keyed: Vec<(u128, u32)> = position
            .par_iter()
            .enumerate()
            .with_min_len(1 << 12)
            .map(|(i, x)| (key(cube.integers(x)), i as u32))
            .collect();
        keyed.par_sort_unstable();
        let (cells, levels, generations) = split(&keyed, leaf);
        let order: Vec<u32> = keyed.iter().map(|&(_, i)| i).collect();
        let boxes = boxes(&cells, &levels, |i| {
            cube.integers(&position[order[i] as usize])
        });
        let finest = 2f64.powi(-(LEVELS as i32));
        let ball = |[low, high]: &[[u64; 3]; 2]| {
            let half = |k: usize| 0.5 * finest * (high[k] - low[k]) as f64;
            Ball {
                centre: std::array::from_fn(|k| 0.5 * finest * (low[k] + high[k]) as f64),
                radius: (0..3).map(|k| half(k).powi(2)).sum::<f64>().sqrt(),
            }
        };
        Ok(Self {
            balls: boxes.iter().map(ball).collect(),
            order,
            cells,
            generations,
            corner: cube.corner,
            inverse_side: 1.0 / cube.side,
        })
    }

    /// Where a position lies from a cell's centre.
    pub(crate) fn offset(&self, cell: usize, x: [f64; 3]) -> [f64; 3] {
        let centre = self.balls[cell].centre;
        std::array::from_fn(|k| (x[k] - self.corner[k]) * self.inverse_side - centre[k])
    }
}

/// Cells with their levels, and where the generations begin.
fn split(keyed: &[(u128, u32)], leaf: usize) -> (Vec<Cell>, Vec<u32>, Vec<usize>) {
    let (mut cells, mut levels, mut generations) = (Vec::new(), Vec::new(), Vec::new());
    // The level of the smallest cell around a range, unless it is a leaf: then that at hand.
    let level = |first: usize, end: usize, at: u32| {
        if end - first <= leaf {
            return at;
        }
        let differ = keyed[first].0 ^ keyed[end - 1].0;
        let bits = u128::BITS - 3 * LEVELS;
        ((differ.leading_zeros() - bits) / 3).min(LEVELS)
    };
    let mut add = |first: usize, end: usize, at: u32, cells: &mut Vec<Cell>| {
        levels.push(level(first, end, at));
        cells.push(Cell {
            first: first as u32,
            end: end as u32,
            child: 0,
            children: 0,
        });
        levels[levels.len() - 1]
    };
    let mut pending = Vec::new();
    if !keyed.is_empty() {
        pending.push(add(0, keyed.len(), 0, &mut cells));
    }
    let mut parent = 0;
    while parent < cells.len() {
        generations.push(parent);
        let mut next = Vec::new();
        for level in std::mem::take(&mut pending) {
            let Cell { first, end, .. } = cells[parent];
            let (mut from, end) = (first as usize, end as usize);
            if end - from > leaf && level < LEVELS {
                cells[parent].child = cells.len() as u32;
                let shift = 3 * (LEVELS - 1 - level);
                while from < end {
                    let octant = keyed[from].0 >> shift;
                    let to = from + keyed[from..end].partition_point(|k| k.0 >> shift == octant);
                    next.push(add(from, to, level + 1, &mut cells));
                    cells[parent].children += 1;
                    from = to;
                }
            }
            parent += 1;
        }
        pending = next;
    }
    generations.push(cells.len());
    (cells, levels, generations)
}

/// The boxes of cells, lower and upper corners.
fn boxes(
    cells: &[Cell],
    levels: &[u32],
    integers: impl Fn(usize) -> [u64; 3] + Sync,
) -> Vec<[[u64; 3]; 2]> {
    let join = |a: [[u64; 3]; 2], b: [[u64; 3]; 2]| {
        [
            std::array::from_fn(|k| a[0][k].min(b[0][k])),
            std::array::from_fn(|k| a[1][k].max(b[1][k])),
        ]
    };
    let outwards = |[low, high]: [[u64; 3]; 2], level: u32| {
        let shift = LEVELS.saturating_sub(level + GRAIN);
        [
            low.map(|x| x >> shift << shift),
            high.map(|x| (((x - 1) >> shift) + 1) << shift),
        ]
    };
    let none = [[u64::MAX; 3], [0; 3]];
    let mut boxes: Vec<_> = cells
        .par_iter()
        .zip(levels)
        .with_min_len(256)
        .map(|(cell, &level)| {
            if !cell.is_leaf() {
                return none;
            }
            let all = cell.particles().map(&integers);
            outwards(all.fold(none, |a, x| join(a, [x, x.map(|x| x + 1)])), level)
        })
        .collect();
    for (i, cell) in cells.iter().enumerate().rev() {
        if !cell.is_leaf() {
            let all = cell.children().fold(none, |a, child| join(a, boxes[child]));
            boxes[i] = outwards(all, levels[i]);
        }
    }
    boxes
}
