//! Binomial checkpoint placement.
//!
//! Griewank & Walther (2000, ACM Trans. Math. Softw. 26, 19). With s checkpoints and at most r
//! evaluations of any step, the longest run that can be reversed has
//! `beta(s, r) = (s + r)! / (s! r!)` steps.

/// Where the way to a state starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the initial state, which is in hand.
    Initial,
    /// At the newest checkpoint, which holds the state of this index and stays.
    Load(usize),
    /// At the newest checkpoint, which holds the target and is freed.
    Take(usize),
}

impl Start {
    /// Index of the state.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Initial => 0,
            Self::Load(index) | Self::Take(index) => index,
        }
    }
}

/// One action on the way to a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// Step forward to the state of this index.
    Advance(usize),
    /// Keep the state in hand.
    Store,
}

/// Which states are kept, for a reversal that visits the states n - 1, n - 2, ..., 0.
#[derive(Debug)]
pub(crate) struct Revolve {
    slots: usize,
    kept: Vec<usize>,
}

impl Revolve {
    /// Up to `slots` checkpoints; one at least, if there is more than one step.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            slots,
            kept: Vec::new(),
        }
    }

    /// Checkpoints that are kept now.
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// The way to the state `target`. The first call starts with the state 0 in hand; each
    /// further one asks for the state before.
    pub(crate) fn reach(&mut self, target: usize) -> (Start, Vec<Move>) {
        let mut moves = Vec::new();
        let start = match self.kept.last() {
            Some(&newest) if newest == target => {
                self.kept.pop();
                Start::Take(newest)
            }
            Some(&newest) => Start::Load(newest),
            None => {
                if target > 0 {
                    moves.push(Move::Store);
                    self.kept.push(0);
                }
                Start::Initial
            }
        };
        let mut at = start.index();
        while at < target {
            // The checkpoint behind us counts as one of those this stretch may use.
            let free = (self.slots + 1).saturating_sub(self.kept.len());
            at += split(target + 1 - at, free);
            moves.push(Move::Advance(at));
            if at < target {
                moves.push(Move::Store);
                self.kept.push(at);
            }
        }
        (start, moves)
    }
}

/// How far behind the first checkpoint the next one lies, for `length >= 2` steps and `slots`
/// checkpoints including the first one.
fn split(length: usize, slots: usize) -> usize {
    if slots <= 1 {
        return length - 1;
    }
    let mut r = 0;
    let mut reach: u128 = 1;
    while reach < length as u128 {
        r += 1;
        reach = reach * (slots + r) as u128 / r as u128;
    }
    // Any split between two bounds recomputes the fewest steps. These three cases, those of the
    // paper's code, also write the fewest checkpoints.
    let length = length as u128;
    let one = beta(slots, r - 1);
    let two = beta(slots - 1, r - 1);
    let three = beta(slots - 2, r - 1);
    let five = if slots > 2 { beta(slots - 3, r) } else { 0 };
    let split = if length <= one + three {
        if r > 1 { beta(slots, r - 2) } else { 1 }
    } else if length >= reach - five {
        one
    } else {
        length - two - three
    };
    // Less than `length`, so it fits.
    split as usize
}

/// `(s + r)! / (s! r!)`.
fn beta(s: usize, r: usize) -> u128 {
    let (small, large) = (s.min(r), s.max(r));
    (1..=small).fold(1, |product, i| product * (large + i) as u128 / i as u128)
}
