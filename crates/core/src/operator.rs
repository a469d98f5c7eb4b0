//! The contracts: [`Operator`], [`Tangent`], [`Adjoint`], [`Reversible`].
//!
//! The tape is coarse. One entry is one physical operator (a drift, a deposit, a Poisson solve),
//! never one multiplication, so an adjoint is code that a physicist writes and reads, next to the
//! forward code. Capabilities are sub-traits: what an operator cannot do does not compile.

use crate::{Real, Result, State};

/// A map `y = F(p, x)` from parameters and a state to a state.
///
/// The input comes by value, so that an operator on a mesh can work in place.
pub trait Operator<T: Real>: Send + Sync {
    /// Differentiable parameters (`()` for none).
    type Params: State<T>;
    /// What goes in.
    type In: State<T>;
    /// What comes out.
    type Out: State<T>;

    /// `F(p, x)`.
    ///
    /// # Errors
    /// What the operator documents.
    fn apply(&self, p: &Self::Params, x: Self::In) -> Result<Self::Out>;

    /// A copy of a state, for a checkpoint.
    ///
    /// The provided method clones. Override it where states that are no longer needed come back to
    /// the operator: it copies into one of them, since fresh pages would cost as much as a step.
    fn copy(&self, x: &Self::In) -> Self::In {
        x.clone()
    }
}

/// An operator with a forward derivative, `dy = F_p dp + F_x dx`.
pub trait Tangent<T: Real>: Operator<T> {
    /// The value and the derivative in the direction `(dp, dx)`.
    ///
    /// # Errors
    /// As [`Operator::apply`].
    fn jvp(
        &self,
        p: &Self::Params,
        dp: &Self::Params,
        x: Self::In,
        dx: Self::In,
    ) -> Result<(Self::Out, Self::Out)>;
}

/// An operator with a reverse derivative, `x_bar = F_x^T y_bar`, `p_bar += F_p^T y_bar`.
///
/// The transpose is the plain transpose under [`State::dot`]: no hidden sign, and for complex
/// arrays the gradient of a real loss L is `dL/dRe + i dL/dIm`.
pub trait Adjoint<T: Real>: Operator<T> {
    /// What this operator chooses to keep between [`Adjoint::record`] and [`Adjoint::vjp`].
    type Saved: Send + 'static;

    /// `F(p, x)`, bit for bit as [`Operator::apply`], and what the reverse sweep needs.
    ///
    /// # Errors
    /// As [`Operator::apply`].
    fn record(&self, p: &Self::Params, x: Self::In) -> Result<(Self::Out, Self::Saved)>;

    /// What [`Adjoint::record`] saves, without the value: what a sweep asks for that comes to a step
    /// only to pull back through it.
    ///
    /// The provided method records and drops the value. Override it where that is more work than
    /// the reverse derivative needs.
    ///
    /// # Errors
    /// As [`Operator::apply`].
    fn save(&self, p: &Self::Params, x: Self::In) -> Result<Self::Saved> {
        Ok(self.record(p, x)?.1)
    }

    /// Pulls the cotangent `y_bar` back: returns `x_bar`, and adds to `p_bar`.
    ///
    /// # Errors
    /// As [`Operator::apply`].
    fn vjp(
        &self,
        p: &Self::Params,
        saved: Self::Saved,
        y_bar: Self::Out,
        p_bar: &mut Self::Params,
    ) -> Result<Self::In>;
}

/// An operator that can be undone, so that a reverse sweep need not store its input.
pub trait Reversible<T: Real>: Adjoint<T> {
    /// The `x` with `F(p, x) = y`, up to rounding.
    ///
    /// # Errors
    /// As [`Operator::apply`].
    fn invert(&self, p: &Self::Params, y: Self::Out) -> Result<Self::In>;

    /// Undoes the operator and pulls a cotangent back in one go: `(x, x_bar)`, adding to `p_bar`.
    ///
    /// The provided method inverts, records again and pulls back. Override it where the two
    /// share work, as a leapfrog shares the potential.
    ///
    /// # Errors
    /// As [`Operator::apply`].
    fn invert_vjp(
        &self,
        p: &Self::Params,
        y: Self::Out,
        y_bar: Self::Out,
        p_bar: &mut Self::Params,
    ) -> Result<(Self::In, Self::In)> {
        let x = self.invert(p, y)?;
        let saved = self.save(p, x.clone())?;
        let x_bar = self.vjp(p, saved, y_bar, p_bar)?;
        Ok((x, x_bar))
    }
}

impl<T: Real, O: Operator<T> + ?Sized> Operator<T> for &O {
    type Params = O::Params;
    type In = O::In;
    type Out = O::Out;
    fn apply(&self, p: &Self::Params, x: Self::In) -> Result<Self::Out> {
        (**self).apply(p, x)
    }
    fn copy(&self, x: &Self::In) -> Self::In {
        (**self).copy(x)
    }
}

impl<T: Real, O: Tangent<T> + ?Sized> Tangent<T> for &O {
    fn jvp(
        &self,
        p: &Self::Params,
        dp: &Self::Params,
        x: Self::In,
        dx: Self::In,
    ) -> Result<(Self::Out, Self::Out)> {
        (**self).jvp(p, dp, x, dx)
    }
}

impl<T: Real, O: Adjoint<T> + ?Sized> Adjoint<T> for &O {
    type Saved = O::Saved;
    fn record(&self, p: &Self::Params, x: Self::In) -> Result<(Self::Out, Self::Saved)> {
        (**self).record(p, x)
    }
    fn save(&self, p: &Self::Params, x: Self::In) -> Result<Self::Saved> {
        (**self).save(p, x)
    }
    fn vjp(
        &self,
        p: &Self::Params,
        saved: Self::Saved,
        y_bar: Self::Out,
        p_bar: &mut Self::Params,
    ) -> Result<Self::In> {
        (**self).vjp(p, saved, y_bar, p_bar)
    }
}

impl<T: Real, O: Reversible<T> + ?Sized> Reversible<T> for &O {
    fn invert(&self, p: &Self::Params, y: Self::Out) -> Result<Self::In> {
        (**self).invert(p, y)
    }
    fn invert_vjp(
        &self,
        p: &Self::Params,
        y: Self::Out,
        y_bar: Self::Out,
        p_bar: &mut Self::Params,
    ) -> Result<(Self::In, Self::In)> {
        (**self).invert_vjp(p, y, y_bar, p_bar)
    }
}
