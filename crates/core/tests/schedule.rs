//! Checkpoint placement against dynamic programming and the closed formula; predictions.

use adastra_core::{Chosen, Error, Report, ReversibleSchedule, Schedule, Storage};
use proptest::prelude::*;

fn predict(steps: usize, slots: usize) -> Report {
    let schedule = Schedule::Checkpoint {
        budget_bytes: slots,
        storage: Storage::Memory,
    };
    schedule.predict(steps, 1, usize::MAX).unwrap()
}

/// Least numbers of recomputed steps and, among those, of checkpoints written, for `l` steps
/// behind a checkpoint that exists and is one of `s`: Bellman's recursion over the place of the
/// next checkpoint. `table[s][l]`.
fn dynamic_programming(steps: usize, slots: usize) -> Vec<Vec<(usize, usize)>> {
    let mut table = vec![vec![(0, 0); steps + 1]; slots + 1];
    for s in 1..=slots {
        for l in 2..=steps {
            table[s][l] = if s == 1 {
                (l * (l - 1) / 2, 0)
            } else {
                let cost = |k: usize| {
                    let (right, left) = (table[s - 1][l - k], table[s][k]);
                    // A state that is used at once is not written.
                    let write = usize::from(l - k > 1);
                    (k + right.0 + left.0, write + right.1 + left.1)
                };
                (1..l).map(cost).min().unwrap()
            };
        }
    }
    table
}

fn beta(s: usize, r: usize) -> usize {
    (1..=r).fold(1, |product, i| product * (s + i) / i)
}

/// `r l - beta(s + 1, r - 1)` with `beta(s, r - 1) < l <= beta(s, r)` (Griewank & Walther 2000).
fn closed_formula(l: usize, s: usize) -> usize {
    match (0..).find(|&r| l <= beta(s, r)) {
        Some(0) | None => 0,
        Some(r) => r * l - beta(s + 1, r - 1),
    }
}

#[test]
fn placement_is_optimal() {
    let (steps, slots) = (80, 9);
    let table = dynamic_programming(steps, slots);
    for s in 1..=slots {
        for l in 1..=steps {
            let report = predict(l, s);
            let (recomputed, written) = table[s][l];
            assert_eq!(report.recomputed, recomputed, "{l} steps, {s} slots");
            assert_eq!(
                report.recomputed,
                closed_formula(l, s),
                "{l} steps, {s} slots"
            );
            // The initial state is written once more.
            let initial = usize::from(l > 1);
            assert_eq!(
                report.checkpoints_written,
                written + initial,
                "{l} steps, {s} slots"
            );
            assert_eq!(report.evaluations, l + recomputed);
            assert!(report.peak_checkpoint_bytes <= s);
        }
    }
}

#[test]
fn long_runs_follow_the_closed_formula() {
    for (steps, slots) in [(1000, 1), (1000, 3), (10_000, 12), (10_000, 9999), (3, 50)] {
        let report = predict(steps, slots);
        assert_eq!(
            report.recomputed,
            closed_formula(steps, slots),
            "{steps} {slots}"
        );
        assert_eq!(
            report.peak_checkpoint_bytes,
            slots.min(steps - 1),
            "{steps} {slots}"
        );
    }
}

#[test]
fn auto_stores_all_as_long_as_it_fits() {
    let auto = |budget_bytes| {
        Schedule::Auto { budget_bytes }
            .predict(10, 100, 30)
            .unwrap()
    };
    let report = auto(300);
    assert_eq!(report.schedule, Chosen::StoreAll);
    assert_eq!((report.evaluations, report.recomputed), (10, 0));
    assert_eq!(report.peak_checkpoint_bytes, 300);
    let expected = Chosen::Checkpoint {
        slots: 2,
        storage: Storage::Memory,
    };
    assert_eq!(auto(299).schedule, expected);
}

#[test]
fn auto_reverses_steps_that_can_be() {
    let auto = |budget_bytes| ReversibleSchedule::Auto { budget_bytes }.predict(640, 100, 100);
    assert_eq!(auto(64_000).unwrap().schedule, Chosen::StoreAll);
    // An anchor every 32 steps, or what the budget holds besides the last state.
    assert_eq!(
        auto(63_999).unwrap().schedule,
        Chosen::Reversible { anchors: 20 }
    );
    let report = auto(500).unwrap();
    assert_eq!(report.schedule, Chosen::Reversible { anchors: 4 });
    assert_eq!((report.peak_checkpoint_bytes, report.undone), (500, 640));
    assert_eq!(
        auto(199).unwrap().schedule,
        Chosen::Reversible { anchors: 0 }
    );
    assert!(matches!(
        auto(99),
        Err(Error::Budget {
            needed: 100,
            budget: 99
        })
    ));
}

#[test]
fn the_default_fits_the_memory_at_hand() {
    // A petabyte for each step fits nowhere, nothing fits everywhere.
    let huge = Schedule::auto().predict(1000, 1, 1 << 50).unwrap();
    assert!(matches!(huge.schedule, Chosen::Checkpoint { .. }));
    assert_eq!(
        Schedule::auto().predict(1000, 1, 0).unwrap().schedule,
        Chosen::StoreAll
    );
    let huge = ReversibleSchedule::auto()
        .predict(1000, 1, 1 << 50)
        .unwrap();
    assert!(matches!(huge.schedule, Chosen::Reversible { .. }));
}

#[test]
fn a_budget_below_one_state_is_an_error() {
    let schedule = Schedule::Checkpoint {
        budget_bytes: 99,
        storage: Storage::Memory,
    };
    let found = schedule.predict(2, 100, 100);
    assert!(matches!(
        found,
        Err(Error::Budget {
            needed: 100,
            budget: 99
        })
    ));
    // A single step, or none, needs no checkpoint.
    assert_eq!(
        schedule.predict(1, 100, 100).unwrap().peak_checkpoint_bytes,
        0
    );
    assert_eq!(schedule.predict(0, 100, 100).unwrap().evaluations, 0);
}

proptest! {
    #[test]
    fn sizes_of_any_magnitude_do_not_overflow(
        steps in 0..200usize, state in any::<usize>(), saved in any::<usize>(), budget in any::<usize>(),
    ) {
        let storage = Storage::Memory;
        for report in [
            Schedule::Auto { budget_bytes: budget }.predict(steps, state, saved),
            Schedule::Checkpoint { budget_bytes: budget, storage }.predict(steps, state, saved),
            ReversibleSchedule::Auto { budget_bytes: budget }.predict(steps, state, saved),
        ].into_iter().flatten() {
            prop_assert!(report.peak_checkpoint_bytes <= budget);
            prop_assert_eq!(report.evaluations, steps + report.recomputed);
        }
    }
}

#[test]
fn reports_read_well() {
    assert_eq!(
        predict(10, 3).to_string(),
        "3 binomial checkpoints in memory: 10 steps, 25 evaluations (15 recomputed), 0 undone, \
         6 checkpoints written, at most 0.0 MiB"
    );
}
