//! Multi-indices n = (n_x, n_y, n_z), and what is done with coefficients that carry them.
//!
//! Coefficients are ordered by |n| = n_x + n_y + n_z, so that those up to an order are a prefix.
//! Powers are divided by the factorials: y^n/n! = y_x^n_x y_y^n_y y_z^n_z / (n_x! n_y! n_z!).

/// Highest order of an expansion: its coefficients are numbered in eight bits.
pub(crate) const MAX_ORDER: usize = 8;

/// How many multi-indices have `|n| <= order`.
pub(crate) const fn count(order: usize) -> usize {
    (order + 1) * (order + 2) * (order + 3) / 6
}

/// Coefficients that suffice for any order.
pub(crate) const MOST: usize = count(MAX_ORDER);

/// The multi-indices up to an order.
pub(crate) struct Indices {
    pub(crate) order: usize,
    /// The multi-indices themselves.
    all: Vec<[usize; 3]>,
    /// The numbers of n + e_k, for |n| below the order.
    up: Vec<[usize; 3]>,
    /// The numbers of a, b and a + b, for all pairs with |a + b| up to the order.
    sums: Vec<[u8; 3]>,
}

/// How a multi-index n follows from lower ones, along an axis k where n_k > 0.
#[derive(Clone, Copy)]
pub(crate) struct Down {
    pub(crate) axis: usize,
    /// n_k.
    pub(crate) power: usize,
    /// The number of n - e_k.
    pub(crate) once: usize,
    /// The number of n - 2 e_k, where n_k > 1.
    pub(crate) twice: usize,
}

/// For each n but the first. An axis where n_k = 1 is taken if there is one.
pub(crate) const DOWN: [Down; MOST] = {
    let mut all = [Down {
        axis: 0,
        power: 0,
        once: 0,
        twice: 0,
    }; MOST];
    let mut number_of_n = 1;
    let mut total = 1;
    while total <= MAX_ORDER {
        let mut rest = 0;
        while rest <= total {
            let mut z = 0;
            while z <= rest {
                all[number_of_n] = down([total - rest, rest - z, z]);
                number_of_n += 1;
                z += 1;
            }
            rest += 1;
        }
        total += 1;
    }
    all
};

const fn down(n: [usize; 3]) -> Down {
    let mut axis = 3;
    let mut k = 0;
    while k < 3 {
        if n[k] > 0 && (axis == 3 || n[k] == 1 && n[axis] > 1) {
            axis = k;
        }
        k += 1;
    }
    let (mut once, mut twice) = (n, n);
    once[axis] -= 1;
    twice[axis] = twice[axis].saturating_sub(2);
    Down {
        axis,
        power: n[axis],
        once: number(once),
        twice: number(twice),
    }
}

impl Indices {
    pub(crate) fn new(order: usize) -> Self {
        let mut all = Vec::with_capacity(count(order));
        for total in 0..=order {
            for x in (0..=total).rev() {
                for y in (0..=total - x).rev() {
                    all.push([x, y, total - x - y]);
                }
            }
        }
        let plus = |n: [usize; 3], m: [usize; 3]| [n[0] + m[0], n[1] + m[1], n[2] + m[2]];
        let unit = |k: usize| std::array::from_fn(|i| usize::from(i == k));
        let lower = all[..count(order.saturating_sub(1))].iter();
        let up = lower.map(|&n| std::array::from_fn(|k| number(plus(n, unit(k)))));
        let mut sums = Vec::new();
        for (a, &n) in all.iter().enumerate() {
            let total: usize = n.iter().sum();
            for (b, &m) in all[..count(order - total)].iter().enumerate() {
                sums.push([a as u8, b as u8, number(plus(n, m)) as u8]);
            }
        }
        Self {
            order,
            up: up.collect(),
            sums,
            all,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The number of a + b.
    pub(crate) fn sum(&self, a: usize, b: usize) -> usize {
        let (n, m) = (self.all[a], self.all[b]);
        number([n[0] + m[0], n[1] + m[1], n[2] + m[2]])
    }

    /// |n|.
    pub(crate) fn total(&self, n: usize) -> usize {
        self.all[n].iter().sum()
    }

    /// y^n/n!.
    pub(crate) fn powers(&self, y: [f64; 3]) -> [f64; MOST] {
        let mut powers = [0.0; MOST];
        powers[0] = 1.0;
        for (n, down) in DOWN.iter().enumerate().take(self.len()).skip(1) {
            powers[n] = powers[down.once] * y[down.axis] * INVERSE[down.power];
        }
        powers
    }

    /// Adds to the moments `sum_j q_j (-y_j)^n/n!` a charge q at y, of which `powers` are those of
    /// -y.
    pub(crate) fn add_charge(&self, q: f64, powers: &[f64; MOST], moments: &mut [f64]) {
        for (moment, power) in moments.iter_mut().zip(powers) {
            *moment += q * power;
        }
    }

    /// Adds a dipole d, the derivative of a unit charge in the direction of d.
    pub(crate) fn add_dipole(&self, d: [f64; 3], powers: &[f64; MOST], moments: &mut [f64]) {
        for (up, power) in self.up.iter().zip(powers) {
            for (&n, d) in up.iter().zip(d) {
                moments[n] -= d * power;
            }
        }
    }

    /// Adds moments about another centre: `step` is the old centre minus the new one.
    pub(crate) fn shift_moments(&self, old: &[f64], step: [f64; 3], new: &mut [f64]) {
        let powers = self.powers(step.map(|s| -s));
        for &[a, b, sum] in &self.sums {
            new[usize::from(sum)] += old[usize::from(a)] * powers[usize::from(b)];
        }
    }

    /// Adds the polynomial `sum_n y^n/n! old_n` about another centre: `step` is the new centre
    /// minus the old one.
    pub(crate) fn shift_polynomial(&self, old: &[f64], step: [f64; 3], new: &mut [f64]) {
        let powers = self.powers(step);
        for &[a, b, sum] in &self.sums {
            new[usize::from(a)] += old[usize::from(sum)] * powers[usize::from(b)];
        }
    }

    /// The polynomial `sum_n y^n/n! l_n`.
    pub(crate) fn value(&self, l: &[f64], powers: &[f64; MOST]) -> f64 {
        l.iter().zip(powers).map(|(l, power)| l * power).sum()
    }

    /// Its gradient.
    pub(crate) fn gradient(&self, l: &[f64], powers: &[f64; MOST]) -> [f64; 3] {
        let mut gradient = [0.0; 3];
        for (up, power) in self.up.iter().zip(powers) {
            for (sum, &n) in gradient.iter_mut().zip(up) {
                *sum += l[n] * power;
            }
        }
        gradient
    }

    /// The derivative of the gradient in the direction of d.
    pub(crate) fn slope_of_gradient(
        &self,
        l: &[f64],
        powers: &[f64; MOST],
        d: [f64; 3],
    ) -> [f64; 3] {
        let mut slope = [0.0; 3];
        if self.order < 2 {
            return slope;
        }
        let lower = count(self.order - 2);
        for (up, power) in self.up[..lower].iter().zip(powers) {
            for (sum, &n) in slope.iter_mut().zip(up) {
                let [x, y, z] = self.up[n].map(|n| l[n]);
                *sum += power * (d[0] * x + d[1] * y + d[2] * z);
            }
        }
        slope
    }
}

const INVERSE: [f64; MAX_ORDER + 1] = {
    let mut inverse = [1.0; MAX_ORDER + 1];
    let mut n = 1;
    while n <= MAX_ORDER {
        inverse[n] = 1.0 / n as f64;
        n += 1;
    }
    inverse
};

/// The place of a multi-index in the order of [`Indices`].
const fn number(n: [usize; 3]) -> usize {
    let total = n[0] + n[1] + n[2];
    let below = if total == 0 { 0 } else { count(total - 1) };
    let rest = n[1] + n[2];
    below + rest * (rest + 1) / 2 + n[2]
}
