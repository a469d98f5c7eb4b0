//! Symplectic schemes as kicks and drifts.

/// A symplectic scheme in fixed steps; all are reversible in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Scheme {
    /// Leapfrog of second order, kick first (velocity Verlet). One force a step, one more a run.
    #[default]
    KickDriftKick,
    /// Leapfrog of second order, drift first. One force a step.
    DriftKickDrift,
    /// Fourth order, kick first (Yoshida 1990, Phys. Lett. A 150, 262). Three forces a step, one
    /// more a run.
    Yoshida4,
    /// Sixth order, kick first (Yoshida 1990, solution A). Seven forces a step, one more a run.
    Yoshida6,
    /// Fourth order, drift first (Forest & Ruth 1990, Physica D 43, 105). Three forces a step.
    ForestRuth,
}

impl Scheme {
    /// Lengths of the leapfrog steps of which a step is composed, over its own.
    fn weights(self) -> &'static [f64] {
        // 1 / (2 - 2^(1/3)), and what is left to one.
        const W4: f64 = 1.351_207_191_959_657_7;
        const W6: [f64; 3] = [
            0.784_513_610_477_557_3,
            0.235_573_213_359_358_13,
            -1.177_679_984_178_871,
        ];
        const REST: f64 = 1.0 - 2.0 * (W6[0] + W6[1] + W6[2]);
        match self {
            Self::KickDriftKick | Self::DriftKickDrift => &[1.0],
            Self::Yoshida4 | Self::ForestRuth => &[W4, 1.0 - 2.0 * W4, W4],
            Self::Yoshida6 => &[W6[0], W6[1], W6[2], REST, W6[2], W6[1], W6[0]],
        }
    }

    fn kicks_first(self) -> bool {
        !matches!(self, Self::DriftKickDrift | Self::ForestRuth)
    }

    /// Kicks, each with the drift that follows, of `steps` steps.
    pub(crate) fn elements(self, steps: usize) -> Vec<Element> {
        let mut elements: Vec<Element> = Vec::new();
        let kick = |elements: &mut Vec<Element>, kick: f64| match elements.last_mut() {
            // Nothing has moved since the last kick.
            Some(last) if last.drift == 0.0 => last.kick += kick,
            last => {
                let time = last.map_or(0.0, |last| last.time + last.drift);
                let drift = 0.0;
                elements.push(Element { kick, drift, time });
            }
        };
        let drift = |elements: &mut Vec<Element>, drift: f64| match elements.last_mut() {
            Some(last) => last.drift += drift,
            None => elements.push(Element {
                kick: 0.0,
                drift,
                time: 0.0,
            }),
        };
        for _ in 0..steps {
            for weight in self.weights() {
                let length = weight / steps as f64;
                if self.kicks_first() {
                    kick(&mut elements, 0.5 * length);
                    drift(&mut elements, length);
                    kick(&mut elements, 0.5 * length);
                } else {
                    drift(&mut elements, 0.5 * length);
                    kick(&mut elements, length);
                    drift(&mut elements, 0.5 * length);
                }
            }
        }
        elements
    }
}

/// Fractions of the span of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Element {
    /// Length of the kick.
    pub(crate) kick: f64,
    /// Length of the drift after it.
    pub(crate) drift: f64,
    /// When the kick takes place.
    pub(crate) time: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_add_up_and_kicks_merge() {
        let schemes = [
            (Scheme::KickDriftKick, 11),
            (Scheme::DriftKickDrift, 10),
            (Scheme::Yoshida4, 31),
            (Scheme::ForestRuth, 30),
            (Scheme::Yoshida6, 71),
        ];
        for (scheme, forces) in schemes {
            let elements = scheme.elements(10);
            let evaluations = elements.iter().filter(|e| e.kick != 0.0).count();
            assert_eq!(evaluations, forces, "{scheme:?}");
            let kicks: f64 = elements.iter().map(|e| e.kick).sum();
            let drifts: f64 = elements.iter().map(|e| e.drift).sum();
            assert!((kicks - 1.0).abs() < 1e-14 && (drifts - 1.0).abs() < 1e-14);
        }
    }
}
