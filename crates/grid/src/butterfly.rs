//! Transforms of 2, 3, 4, 5 and 8 points in registers, `y_k = sum_j x_j exp(-2 pi i j k / R)`.

use pulp::Simd;

use crate::simd::{Lane, Ops, Z};

/// A transform of `R` points.
pub(crate) trait Butterfly<const R: usize> {
    fn transform<T: Lane, S: Simd>(o: Ops<T, S>, x: [Z<T, S>; R]) -> [Z<T, S>; R];
}

/// The butterflies.
pub(crate) struct Radix;

impl Butterfly<2> for Radix {
    #[inline(always)]
    fn transform<T: Lane, S: Simd>(o: Ops<T, S>, [a, b]: [Z<T, S>; 2]) -> [Z<T, S>; 2] {
        [o.add(a, b), o.sub(a, b)]
    }
}

impl Butterfly<3> for Radix {
    #[inline(always)]
    fn transform<T: Lane, S: Simd>(o: Ops<T, S>, [a, b, c]: [Z<T, S>; 3]) -> [Z<T, S>; 3] {
        let half = o.splat(T::of(0.5));
        let sine = o.splat(T::of(0.75_f64.sqrt()));
        let (sum, difference) = (o.add(b, c), o.scale(sine, o.sub(b, c)));
        let centre = o.sub_scaled(a, half, sum);
        [
            o.add(a, sum),
            o.sub_i(centre, difference),
            o.add_i(centre, difference),
        ]
    }
}

impl Butterfly<4> for Radix {
    #[inline(always)]
    fn transform<T: Lane, S: Simd>(o: Ops<T, S>, [a, b, c, d]: [Z<T, S>; 4]) -> [Z<T, S>; 4] {
        let (p, q) = (o.add(a, c), o.sub(a, c));
        let (r, s) = (o.add(b, d), o.sub(b, d));
        [o.add(p, r), o.sub_i(q, s), o.sub(p, r), o.add_i(q, s)]
    }
}

impl Butterfly<5> for Radix {
    #[inline(always)]
    fn transform<T: Lane, S: Simd>(o: Ops<T, S>, [a, b, c, d, e]: [Z<T, S>; 5]) -> [Z<T, S>; 5] {
        let (sin1, cos1) = (0.4 * std::f64::consts::PI).sin_cos();
        let (sin2, cos2) = (0.8 * std::f64::consts::PI).sin_cos();
        let [sin1, cos1, sin2, cos2] = [sin1, cos1, sin2, cos2].map(|x| o.splat(T::of(x)));
        let (p, r) = (o.add(b, e), o.sub(b, e));
        let (q, s) = (o.add(c, d), o.sub(c, d));
        let even1 = o.add_scaled(o.add_scaled(a, cos1, p), cos2, q);
        let even2 = o.add_scaled(o.add_scaled(a, cos2, p), cos1, q);
        let odd1 = o.add_scaled(o.scale(sin1, r), sin2, s);
        let odd2 = o.sub_scaled(o.scale(sin2, r), sin1, s);
        [
            o.add(o.add(a, p), q),
            o.sub_i(even1, odd1),
            o.sub_i(even2, odd2),
            o.add_i(even2, odd2),
            o.add_i(even1, odd1),
        ]
    }
}

impl Butterfly<8> for Radix {
    #[inline(always)]
    fn transform<T: Lane, S: Simd>(o: Ops<T, S>, x: [Z<T, S>; 8]) -> [Z<T, S>; 8] {
        // Two transforms of four points, E and O: y_k = E_k + w^k O_k with w = (1 - i)/sqrt 2.
        let [a, b, c, d, e, f, g, h] = x;
        let [e0, e1, e2, e3] = Radix::transform(o, [a, c, e, g]);
        let [o0, o1, o2, o3] = Radix::transform(o, [b, d, f, h]);
        let root = o.splat(T::FRAC_1_SQRT_2());
        // (1 - i) O_1 and (1 + i) O_3, with w^3 = -(1 + i)/sqrt 2.
        let (p, q) = (o.sub_i(o1, o1), o.add_i(o3, o3));
        [
            o.add(e0, o0),
            o.add_scaled(e1, root, p),
            o.sub_i(e2, o2),
            o.sub_scaled(e3, root, q),
            o.sub(e0, o0),
            o.sub_scaled(e1, root, p),
            o.add_i(e2, o2),
            o.add_scaled(e3, root, q),
        ]
    }
}
