//! Static composition: operators from operators, with all the capabilities of their parts.

use std::marker::PhantomData;

use crate::{Adjoint, Operator, Real, Result, Reversible, State, Tangent};

/// One operator after another: `y = B(q, A(p, x))`, with parameters `(p, q)`.
///
/// Longer sequences nest: `Seq(a, Seq(b, c))`. Operators that share parameters are brought to the
/// same parameter struct with [`Focus`] and put in sequence with [`Shared`].
///
/// ```
/// use adastra_core::{Operator, Seq};
/// # use adastra_core::Result;
/// # struct Add;
/// # impl Operator<f64> for Add {
/// #     type Params = f64;
/// #     type In = f64;
/// #     type Out = f64;
/// #     fn apply(&self, p: &f64, x: f64) -> Result<f64> { Ok(x + p) }
/// # }
/// // `Add` is `y = x + p`.
/// assert_eq!(Seq(Add, Add).apply(&(1.0, 2.0), 10.0)?, 13.0);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Seq<A, B>(pub A, pub B);

impl<T, A, B> Operator<T> for Seq<A, B>
where
    T: Real,
    A: Operator<T>,
    B: Operator<T, In = A::Out>,
{
    type Params = (A::Params, B::Params);
    type In = A::In;
    type Out = B::Out;
    fn apply(&self, p: &Self::Params, x: A::In) -> Result<B::Out> {
        self.1.apply(&p.1, self.0.apply(&p.0, x)?)
    }
}

impl<T, A, B> Tangent<T> for Seq<A, B>
where
    T: Real,
    A: Tangent<T>,
    B: Tangent<T, In = A::Out>,
{
    fn jvp(
        &self,
        p: &Self::Params,
        dp: &Self::Params,
        x: A::In,
        dx: A::In,
    ) -> Result<(B::Out, B::Out)> {
        let (y, dy) = self.0.jvp(&p.0, &dp.0, x, dx)?;
        self.1.jvp(&p.1, &dp.1, y, dy)
    }
}

impl<T, A, B> Adjoint<T> for Seq<A, B>
where
    T: Real,
    A: Adjoint<T>,
    B: Adjoint<T, In = A::Out>,
{
    type Saved = (A::Saved, B::Saved);
    fn record(&self, p: &Self::Params, x: A::In) -> Result<(B::Out, Self::Saved)> {
        let (y, a) = self.0.record(&p.0, x)?;
        let (z, b) = self.1.record(&p.1, y)?;
        Ok((z, (a, b)))
    }
    fn save(&self, p: &Self::Params, x: A::In) -> Result<Self::Saved> {
        let (y, a) = self.0.record(&p.0, x)?;
        Ok((a, self.1.save(&p.1, y)?))
    }
    fn vjp(
        &self,
        p: &Self::Params,
        (a, b): Self::Saved,
        z_bar: B::Out,
        p_bar: &mut Self::Params,
    ) -> Result<A::In> {
        let y_bar = self.1.vjp(&p.1, b, z_bar, &mut p_bar.1)?;
        self.0.vjp(&p.0, a, y_bar, &mut p_bar.0)
    }
}

impl<T, A, B> Reversible<T> for Seq<A, B>
where
    T: Real,
    A: Reversible<T>,
    B: Reversible<T, In = A::Out>,
{
    fn invert(&self, p: &Self::Params, z: B::Out) -> Result<A::In> {
        self.0.invert(&p.0, self.1.invert(&p.1, z)?)
    }
    fn invert_vjp(
        &self,
        p: &Self::Params,
        z: B::Out,
        z_bar: B::Out,
        p_bar: &mut Self::Params,
    ) -> Result<(A::In, A::In)> {
        let (y, y_bar) = self.1.invert_vjp(&p.1, z, z_bar, &mut p_bar.1)?;
        self.0.invert_vjp(&p.0, y, y_bar, &mut p_bar.0)
    }
}

/// One operator after another with the same parameters: `y = B(p, A(p, x))`.
///
/// Both parts add to one `p_bar`, so a parameter that several operators read gets one gradient.
#[derive(Debug, Clone, Copy)]
pub struct Shared<A, B>(pub A, pub B);

impl<T, A, B> Operator<T> for Shared<A, B>
where
    T: Real,
    A: Operator<T>,
    B: Operator<T, Params = A::Params, In = A::Out>,
{
    type Params = A::Params;
    type In = A::In;
    type Out = B::Out;
    fn apply(&self, p: &A::Params, x: A::In) -> Result<B::Out> {
        self.1.apply(p, self.0.apply(p, x)?)
    }
}

impl<T, A, B> Tangent<T> for Shared<A, B>
where
    T: Real,
    A: Tangent<T>,
    B: Tangent<T, Params = A::Params, In = A::Out>,
{
    fn jvp(&self, p: &A::Params, dp: &A::Params, x: A::In, dx: A::In) -> Result<(B::Out, B::Out)> {
        let (y, dy) = self.0.jvp(p, dp, x, dx)?;
        self.1.jvp(p, dp, y, dy)
    }
}

impl<T, A, B> Adjoint<T> for Shared<A, B>
where
    T: Real,
    A: Adjoint<T>,
    B: Adjoint<T, Params = A::Params, In = A::Out>,
{
    type Saved = (A::Saved, B::Saved);
    fn record(&self, p: &A::Params, x: A::In) -> Result<(B::Out, Self::Saved)> {
        let (y, a) = self.0.record(p, x)?;
        let (z, b) = self.1.record(p, y)?;
        Ok((z, (a, b)))
    }
    fn save(&self, p: &A::Params, x: A::In) -> Result<Self::Saved> {
        let (y, a) = self.0.record(p, x)?;
        Ok((a, self.1.save(p, y)?))
    }
    fn vjp(
        &self,
        p: &A::Params,
        (a, b): Self::Saved,
        z_bar: B::Out,
        p_bar: &mut A::Params,
    ) -> Result<A::In> {
        let y_bar = self.1.vjp(p, b, z_bar, p_bar)?;
        self.0.vjp(p, a, y_bar, p_bar)
    }
}

impl<T, A, B> Reversible<T> for Shared<A, B>
where
    T: Real,
    A: Reversible<T>,
    B: Reversible<T, Params = A::Params, In = A::Out>,
{
    fn invert(&self, p: &A::Params, z: B::Out) -> Result<A::In> {
        self.0.invert(p, self.1.invert(p, z)?)
    }
    fn invert_vjp(
        &self,
        p: &A::Params,
        z: B::Out,
        z_bar: B::Out,
        p_bar: &mut A::Params,
    ) -> Result<(A::In, A::In)> {
        let (y, y_bar) = self.1.invert_vjp(p, z, z_bar, p_bar)?;
        self.0.invert_vjp(p, y, y_bar, p_bar)
    }
}

/// An operator that reads one field of a bigger parameter struct.
///
/// ```
/// use adastra_core::{Focus, Operator, Shared, state};
/// # use adastra_core::Result;
/// # struct Add;
/// # impl Operator<f64> for Add {
/// #     type Params = f64;
/// #     type In = f64;
/// #     type Out = f64;
/// #     fn apply(&self, p: &f64, x: f64) -> Result<f64> { Ok(x + p) }
/// # }
///
/// state! {
///     /// What a run depends on.
///     pub struct Params<T> {
///         /// Added first.
///         pub first: T,
///         /// Added second.
///         pub second: T,
///     }
/// }
///
/// let both = Shared(
///     Focus::new(Add, |p: &Params<f64>| &p.first, |p| &mut p.first),
///     Focus::new(Add, |p: &Params<f64>| &p.second, |p| &mut p.second),
/// );
/// assert_eq!(both.apply(&Params { first: 1.0, second: 2.0 }, 10.0)?, 13.0);
/// # Ok::<(), adastra_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Focus<O, Q, P> {
    inner: O,
    get: fn(&Q) -> &P,
    get_mut: fn(&mut Q) -> &mut P,
}

impl<O: Clone, Q, P> Clone for Focus<O, Q, P> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            get: self.get,
            get_mut: self.get_mut,
        }
    }
}

impl<O, Q, P> Focus<O, Q, P> {
    /// `inner` with parameters `Q`, of which it reads the field that `get` and `get_mut` borrow.
    /// Both must borrow the same field.
    pub fn new(inner: O, get: fn(&Q) -> &P, get_mut: fn(&mut Q) -> &mut P) -> Self {
        Self {
            inner,
            get,
            get_mut,
        }
    }
}

impl<T, O, Q> Operator<T> for Focus<O, Q, O::Params>
where
    T: Real,
    O: Operator<T>,
    Q: State<T>,
{
    type Params = Q;
    type In = O::In;
    type Out = O::Out;
    fn apply(&self, p: &Q, x: O::In) -> Result<O::Out> {
        self.inner.apply((self.get)(p), x)
    }
    fn copy(&self, x: &O::In) -> O::In {
        self.inner.copy(x)
    }
}

impl<T, O, Q> Tangent<T> for Focus<O, Q, O::Params>
where
    T: Real,
    O: Tangent<T>,
    Q: State<T>,
{
    fn jvp(&self, p: &Q, dp: &Q, x: O::In, dx: O::In) -> Result<(O::Out, O::Out)> {
        self.inner.jvp((self.get)(p), (self.get)(dp), x, dx)
    }
}

impl<T, O, Q> Adjoint<T> for Focus<O, Q, O::Params>
where
    T: Real,
    O: Adjoint<T>,
    Q: State<T>,
{
    type Saved = O::Saved;
    fn record(&self, p: &Q, x: O::In) -> Result<(O::Out, O::Saved)> {
        self.inner.record((self.get)(p), x)
    }
    fn save(&self, p: &Q, x: O::In) -> Result<O::Saved> {
        self.inner.save((self.get)(p), x)
    }
    fn vjp(&self, p: &Q, saved: O::Saved, y_bar: O::Out, p_bar: &mut Q) -> Result<O::In> {
        self.inner
            .vjp((self.get)(p), saved, y_bar, (self.get_mut)(p_bar))
    }
}

impl<T, O, Q> Reversible<T> for Focus<O, Q, O::Params>
where
    T: Real,
    O: Reversible<T>,
    Q: State<T>,
{
    fn invert(&self, p: &Q, y: O::Out) -> Result<O::In> {
        self.inner.invert((self.get)(p), y)
    }
    fn invert_vjp(&self, p: &Q, y: O::Out, y_bar: O::Out, p_bar: &mut Q) -> Result<(O::In, O::In)> {
        self.inner
            .invert_vjp((self.get)(p), y, y_bar, (self.get_mut)(p_bar))
    }
}

/// A parameter-free operator with parameters `P` that it does not read, so that it fits into a
/// sequence with operators that do.
#[derive(Debug)]
pub struct Lift<O, P> {
    inner: O,
    // Borrows nothing and owns no `P`: `Send` and `Sync` whatever `P` is.
    params: PhantomData<fn() -> P>,
}

impl<O: Clone, P> Clone for Lift<O, P> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<O, P> Lift<O, P> {
    /// `inner` with parameters `P`.
    pub fn new(inner: O) -> Self {
        Self {
            inner,
            params: PhantomData,
        }
    }
}

impl<T, O, P> Operator<T> for Lift<O, P>
where
    T: Real,
    O: Operator<T, Params = ()>,
    P: State<T>,
{
    type Params = P;
    type In = O::In;
    type Out = O::Out;
    fn apply(&self, _: &P, x: O::In) -> Result<O::Out> {
        self.inner.apply(&(), x)
    }
    fn copy(&self, x: &O::In) -> O::In {
        self.inner.copy(x)
    }
}

impl<T, O, P> Tangent<T> for Lift<O, P>
where
    T: Real,
    O: Tangent<T, Params = ()>,
    P: State<T>,
{
    fn jvp(&self, _: &P, _: &P, x: O::In, dx: O::In) -> Result<(O::Out, O::Out)> {
        self.inner.jvp(&(), &(), x, dx)
    }
}

impl<T, O, P> Adjoint<T> for Lift<O, P>
where
    T: Real,
    O: Adjoint<T, Params = ()>,
    P: State<T>,
{
    type Saved = O::Saved;
    fn record(&self, _: &P, x: O::In) -> Result<(O::Out, O::Saved)> {
        self.inner.record(&(), x)
    }
    fn save(&self, _: &P, x: O::In) -> Result<O::Saved> {
        self.inner.save(&(), x)
    }
    fn vjp(&self, _: &P, saved: O::Saved, y_bar: O::Out, _: &mut P) -> Result<O::In> {
        self.inner.vjp(&(), saved, y_bar, &mut ())
    }
}

impl<T, O, P> Reversible<T> for Lift<O, P>
where
    T: Real,
    O: Reversible<T, Params = ()>,
    P: State<T>,
{
    fn invert(&self, _: &P, y: O::Out) -> Result<O::In> {
        self.inner.invert(&(), y)
    }
    fn invert_vjp(&self, _: &P, y: O::Out, y_bar: O::Out, _: &mut P) -> Result<(O::In, O::In)> {
        self.inner.invert_vjp(&(), y, y_bar, &mut ())
    }
}
