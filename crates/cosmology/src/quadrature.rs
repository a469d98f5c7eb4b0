//! Integrals of smooth functions.

/// Abscissae in (0, 1) and weights of the Gauss-Legendre rule of eight points.
const NODES: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

/// The integral of `f` from `a` to `b` by `pieces` rules of eight points.
pub(crate) fn integral(f: impl Fn(f64) -> f64, a: f64, b: f64, pieces: usize) -> f64 {
    let width = (b - a) / pieces as f64;
    (0..pieces)
        .map(|i| {
            let centre = a + (i as f64 + 0.5) * width;
            let pairs = NODES.iter().map(|(x, w)| {
                let x = 0.5 * width * x;
                w * (f(centre - x) + f(centre + x))
            });
            0.5 * width * pairs.sum::<f64>()
        })
        .sum()
}
