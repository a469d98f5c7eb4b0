//! The sums over all other particles, by all pairs or with a tree.

use crate::pairs::{
    self, Accelerate, Columns, Potential, PullBack, PullBackPerMass, PushForward, Rows, Sums,
};
use crate::tree::{Multipoles, Query};

/// A kernel that is summed over all other particles.
///
/// Written for each kernel in turn, where nothing is generic: the visit of the particles is then
/// compiled in this crate, with its optimization, and not in each crate that calls it with a
/// scalar. Without any its unrolled expansions would outgrow the stack.
pub(crate) trait Visit<const IN: usize, const OUT: usize> {
    /// The sums of all particles, given the softening length.
    fn visit(
        self,
        particles: &Rows<IN>,
        multipoles: Option<&Multipoles>,
        softening: f64,
    ) -> Sums<OUT>;
}

fn visit<Q, const IN: usize, const OUT: usize>(
    kernel: Q,
    particles: &Rows<IN>,
    multipoles: Option<&Multipoles>,
    softening: f64,
) -> Sums<OUT>
where
    Q: Query<IN, OUT>,
{
    match multipoles {
        Some(multipoles) => multipoles.sum(kernel, particles, softening),
        None => pairs::sum(kernel, &Columns::new(particles), softening),
    }
}

macro_rules! visits {
    ($($kernel:ident $input:literal $output:literal),+) => {
        $(impl Visit<$input, $output> for $kernel {
            #[inline(never)]
            fn visit(
                self,
                particles: &Rows<$input>,
                multipoles: Option<&Multipoles>,
                softening: f64,
            ) -> Sums<$output> {
                visit(self, particles, multipoles, softening)
            }
        })+
    };
}
/// The sums of [`PullBackPerMass`], which are over pairs alone.
#[inline(never)]
pub(crate) fn pull_back_per_mass(particles: &Rows<7>, softening: f64) -> Sums<11> {
    pairs::sum(PullBackPerMass, &Columns::new(particles), softening)
}

visits!(Accelerate 4 3, Potential 4 1, PullBack 7 9, PullBack 7 12, PushForward 8 6);
