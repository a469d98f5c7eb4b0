//! What a run starts from, addressed by name.

use std::collections::BTreeSet;

use adastra_core::{FieldRef, Fields, Real};

use crate::{Error, Result, World};

/// What a run starts from; every number in it can be differentiated with respect to.
///
/// Where initial conditions are generated from parameters, the first state follows from these and
/// from the parameters of the component: derivatives by parameters count that way too, and those
/// by the state are taken at fixed parameters.
#[derive(Clone)]
pub struct Start<T: Real> {
    /// Initial states of the components.
    pub state: World<T>,
    /// Parameters of the components.
    pub parameters: World<T>,
    /// Parameters of the external potentials.
    pub potentials: World<T>,
    /// Parameters of the initial conditions, `"cluster.initial"` and so on.
    pub initial: World<T>,
}

impl<T: Real> Start<T> {
    /// Every address that a gradient can be taken with respect to.
    pub fn addresses(&self) -> Vec<String> {
        let mut all = self.state.addresses();
        all.extend(self.parameters.addresses());
        all.extend(self.potentials.addresses());
        all.extend(self.initial.addresses());
        all
    }

    /// Calls `f` with every address and field.
    pub fn visit(&self, f: &mut dyn FnMut(&str, FieldRef<'_, T>)) {
        self.worlds().iter().for_each(|world| world.visit(f));
    }

    fn worlds(&self) -> [&World<T>; 4] {
        let Self {
            state,
            parameters,
            potentials,
            initial,
        } = self;
        [state, parameters, potentials, initial]
    }

    /// Checks that addresses exist.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn find(&self, key: &str, addresses: &[String]) -> Result<()> {
        let known = self.addresses();
        for name in addresses {
            if !known.contains(name) {
                let (key, name) = (key.to_owned(), name.clone());
                return Err(Error::UnknownName {
                    key,
                    name,
                    kind: "field or parameter",
                    known,
                });
            }
        }
        Ok(())
    }

    /// The numbers at some addresses, one after the other; complex ones as pairs.
    pub fn read(&self, addresses: &[String]) -> Vec<f64> {
        let mut values = Vec::new();
        for address in addresses {
            self.worlds()
                .iter()
                .for_each(|world| world.read(address, &mut values));
        }
        values
    }

    /// Sets the numbers at some addresses; the inverse of [`Start::read`]. The state does not
    /// follow: [`Simulation::set`](crate::Simulation::set) does that.
    ///
    /// # Panics
    /// When there are too few values.
    pub fn write(&mut self, addresses: &[String], mut values: &[f64]) {
        for address in addresses {
            let Self {
                state,
                parameters,
                potentials,
                initial,
            } = self;
            for world in [state, parameters, potentials, initial] {
                world.write(address, &mut values);
            }
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if let Some(field) = self.worlds().iter().find_map(|world| world.non_finite()) {
            return Err(Error::NonFinite { field });
        }
        let mut seen = BTreeSet::new();
        for address in self.addresses() {
            if !seen.insert(address.clone()) {
                return Err(Error::range("address", address, "one use of each name"));
            }
        }
        Ok(())
    }
}
