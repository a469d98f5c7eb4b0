//! States as lists of named runs of real numbers, so that blocks of a derivative can be picked.

use adastra_core::{FieldMut, FieldRef, Fields, Real};
use num_complex::Complex;

use crate::CheckError;
use crate::random::Random;

/// One field: complex numbers appear as pairs.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
}

/// All fields of a state, in the order of its visits.
#[derive(Debug, Clone)]
pub(crate) struct Flat(pub(crate) Vec<Field>);

impl Flat {
    pub(crate) fn of<T: Real, S: Fields<T>>(state: &S) -> Self {
        let mut fields = Vec::new();
        state.visit(&mut |name, field| {
            let values = match field {
                FieldRef::Real(a) => a.iter().map(|x| x.f64()).collect(),
                FieldRef::Complex(a) => a.iter().flat_map(|z| [z.re.f64(), z.im.f64()]).collect(),
            };
            fields.push(Field {
                name: name.to_owned(),
                values,
            });
        });
        Self(fields)
    }

    /// A copy of `like` that holds these numbers.
    pub(crate) fn to_like<T: Real, S: Fields<T>>(&self, like: &S) -> S {
        let mut state = like.clone();
        let mut fields = self.0.iter();
        state.visit_mut(&mut |_, field| {
            let values = fields.next().map_or(&[][..], |f| &f.values);
            match field {
                FieldMut::Real(mut a) => {
                    a.iter_mut().zip(values).for_each(|(x, &v)| *x = T::of(v));
                }
                FieldMut::Complex(mut a) => {
                    let pairs = values.chunks_exact(2);
                    a.iter_mut().zip(pairs).for_each(|(z, v)| {
                        *z = Complex::new(T::of(v[0]), T::of(v[1]));
                    });
                }
            }
        });
        state
    }

    /// Refuses NaN and infinity.
    pub(crate) fn finite(self, what: &'static str) -> Result<Self, CheckError> {
        match self
            .0
            .iter()
            .find(|f| f.values.iter().any(|v| !v.is_finite()))
        {
            Some(f) => Err(CheckError::NonFinite {
                what,
                field: f.name.clone(),
            }),
            None => Ok(self),
        }
    }

    /// Refuses fields of other names or lengths than those of `like`.
    pub(crate) fn shaped(self, what: &'static str, like: &Self) -> Result<Self, CheckError> {
        let same = self.0.len() == like.0.len()
            && self
                .0
                .iter()
                .zip(&like.0)
                .all(|(a, b)| a.name == b.name && a.values.len() == b.values.len());
        if same {
            Ok(self)
        } else {
            Err(CheckError::Shape { what })
        }
    }

    /// Normal deviates of the size of each field of this state; of unit size where it is zero.
    pub(crate) fn direction(&self, random: &mut Random) -> Self {
        self.map(|f| {
            let size = rms(&f.values);
            let size = if size > 0.0 { size } else { 1.0 };
            f.values.iter().map(|_| size * random.normal()).collect()
        })
    }

    /// Normal deviates of the inverse size of each field: a cotangent weighs fields alike.
    pub(crate) fn cotangent(&self, random: &mut Random) -> Self {
        self.map(|f| {
            let size = rms(&f.values);
            let size = if size > 0.0 { 1.0 / size } else { 1.0 };
            f.values.iter().map(|_| size * random.normal()).collect()
        })
    }

    /// With the fields that are zero in `of` set to zero.
    pub(crate) fn where_not_zero(mut self, of: &Self) -> Self {
        for (field, of) in self.0.iter_mut().zip(&of.0) {
            if of.values.iter().all(|&x| x == 0.0) {
                field.values.fill(0.0);
            }
        }
        self
    }

    /// Zero but for one field; all of it for `None`.
    pub(crate) fn only(&self, pick: Option<usize>) -> Self {
        let Some(pick) = pick else {
            return self.clone();
        };
        let mut flat = self.clone();
        for (_, f) in flat.0.iter_mut().enumerate().filter(|(i, _)| *i != pick) {
            f.values.fill(0.0);
        }
        flat
    }

    /// `self + a x`.
    pub(crate) fn plus(&self, a: f64, x: &Self) -> Self {
        let mut flat = self.clone();
        for (y, x) in flat.0.iter_mut().zip(&x.0) {
            y.values
                .iter_mut()
                .zip(&x.values)
                .for_each(|(y, x)| *y += a * x);
        }
        flat
    }

    pub(crate) fn dot(&self, other: &Self) -> f64 {
        let fields = self.0.iter().zip(&other.0);
        fields
            .map(|(a, b)| {
                a.values
                    .iter()
                    .zip(&b.values)
                    .map(|(a, b)| a * b)
                    .sum::<f64>()
            })
            .sum()
    }

    pub(crate) fn norm(&self) -> f64 {
        self.dot(self).sqrt()
    }

    /// The blocks to compare: every field, and all together where there are several.
    pub(crate) fn picks(&self) -> Vec<Option<usize>> {
        let all = (self.0.len() > 1).then_some(None);
        (0..self.0.len()).map(Some).chain(all).collect()
    }

    pub(crate) fn name(&self, pick: Option<usize>) -> String {
        match pick.and_then(|i| self.0.get(i)) {
            Some(f) if f.name.is_empty() => "(array)".to_owned(),
            Some(f) => f.name.clone(),
            None => "(all)".to_owned(),
        }
    }

    fn map(&self, mut f: impl FnMut(&Field) -> Vec<f64>) -> Self {
        let field = |x: &Field| Field {
            name: x.name.clone(),
            values: f(x),
        };
        Self(self.0.iter().map(field).collect())
    }
}

/// The point `(p, x)` or a direction in that space.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) p: Flat,
    pub(crate) x: Flat,
}

/// A block of the domain.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Block {
    Params(Option<usize>),
    Input(Option<usize>),
}

impl Pair {
    pub(crate) fn of<T: Real, P: Fields<T>, X: Fields<T>>(p: &P, x: &X) -> Self {
        Self {
            p: Flat::of(p),
            x: Flat::of(x),
        }
    }

    pub(crate) fn direction(&self, random: &mut Random) -> Self {
        Self {
            p: self.p.direction(random),
            x: self.x.direction(random),
        }
    }

    pub(crate) fn only(&self, block: Block) -> Self {
        let zero = |f: &Flat| f.map(|f| vec![0.0; f.values.len()]);
        match block {
            Block::Params(pick) => Self {
                p: self.p.only(pick),
                x: zero(&self.x),
            },
            Block::Input(pick) => Self {
                p: zero(&self.p),
                x: self.x.only(pick),
            },
        }
    }

    pub(crate) fn plus(&self, a: f64, d: &Self) -> Self {
        Self {
            p: self.p.plus(a, &d.p),
            x: self.x.plus(a, &d.x),
        }
    }

    pub(crate) fn dot(&self, other: &Self) -> f64 {
        self.p.dot(&other.p) + self.x.dot(&other.x)
    }

    pub(crate) fn norm(&self) -> f64 {
        self.dot(self).sqrt()
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let params = self.p.picks().into_iter().map(Block::Params);
        params
            .chain(self.x.picks().into_iter().map(Block::Input))
            .collect()
    }

    pub(crate) fn name(&self, block: Block) -> String {
        match block {
            Block::Params(pick) => format!("parameter {}", self.p.name(pick)),
            Block::Input(pick) => format!("input {}", self.x.name(pick)),
        }
    }
}

fn rms(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().map(|v| v * v).sum();
    if values.is_empty() {
        0.0
    } else {
        (sum / values.len() as f64).sqrt()
    }
}
