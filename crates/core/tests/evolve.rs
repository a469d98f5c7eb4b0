//! Gradients of runs under all schedules.

mod common;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use adastra_check as check;
use adastra_core::{
    Adjoint, Chosen, Error, Evolve, Fields, Gradient, Operator, Progress, Real, Repeat, Report,
    Reversible, ReversibleSchedule, Schedule, State, Storage, Sweep,
};
use common::{Pendulums, Strength, Swing, Swings, loss, start};
use proptest::prelude::Strategy;

fn memory(slots: usize) -> Schedule {
    let (_, x) = start::<f64>();
    Schedule::Checkpoint {
        budget_bytes: slots * x.bytes(),
        storage: Storage::Memory,
    }
}

fn gradient<T: Real>(evolve: &Evolve<T, Swings>) -> Gradient<Strength<T>, Pendulums<T>> {
    let (p, x) = start();
    let found = evolve.value_and_gradient(&p, x.clone(), loss).unwrap();
    assert_eq!(
        found.report,
        evolve.predict(&x).unwrap(),
        "predicted as observed"
    );
    found
}

/// Every schedule that recomputes, in a given precision, against `StoreAll`.
fn recomputing_schedules_agree<T: Real>(n: usize) {
    let folder = tempfile::tempdir().unwrap();
    let expected = gradient::<T>(&Evolve::new(Swings::uneven(n), Schedule::StoreAll));
    let (_, x) = start::<T>();
    for slots in [1, 2, 3, 5, 8, n] {
        for storage in [Storage::Memory, Storage::Disk(folder.path().to_owned())] {
            let schedule = Schedule::Checkpoint {
                budget_bytes: slots * x.bytes(),
                storage,
            };
            let found = gradient(&Evolve::new(Swings::uneven(n), schedule));
            assert_eq!(found.value, expected.value);
            assert_eq!(found.p_bar, expected.p_bar, "{}", found.report);
            assert_eq!(found.x_bar, expected.x_bar, "{}", found.report);
        }
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "files are gone"
    );
}

#[test]
fn recomputing_schedules_agree_bit_for_bit() {
    recomputing_schedules_agree::<f64>(1);
    recomputing_schedules_agree::<f64>(2);
    recomputing_schedules_agree::<f64>(37);
    recomputing_schedules_agree::<f32>(37);
}

#[test]
fn recomputing_schedules_agree_over_long_runs() {
    recomputing_schedules_agree::<f64>(300);
}

/// Largest relative difference of two gradients.
fn distance<T: Real>(
    a: &Gradient<Strength<T>, Pendulums<T>>,
    b: &Gradient<Strength<T>, Pendulums<T>>,
) -> f64 {
    let (mut p, mut x) = (a.p_bar.clone(), a.x_bar.clone());
    p.axpy(-T::one(), &b.p_bar);
    x.axpy(-T::one(), &b.x_bar);
    let ratio = |d: f64, size: f64| (d / size).sqrt();
    ratio(p.dot(&p), b.p_bar.dot(&b.p_bar)).max(ratio(x.dot(&x), b.x_bar.dot(&b.x_bar)))
}

#[test]
fn reconstruction_agrees_over_three_hundred_steps() {
    let steps = Swings::uneven(300);
    let expected = gradient::<f64>(&Evolve::new(steps.clone(), Schedule::StoreAll));
    for anchors in [0, 1, 7, 1000] {
        let schedule = ReversibleSchedule::Reconstruct { anchors };
        let found = gradient(&Evolve::reversible(steps.clone(), schedule));
        assert!(distance(&found, &expected) <= 1e-9, "{}", found.report);
    }
}

#[test]
fn anchors_bound_the_rounding_error() {
    // A kicked rotor with kicks this strong is chaotic: errors grow from step to step.
    let steps = Swings { dt: vec![1.5; 60] };
    let expected = gradient::<f64>(&Evolve::new(steps.clone(), Schedule::StoreAll));
    let error = |anchors| {
        let schedule = ReversibleSchedule::Reconstruct { anchors };
        distance(
            &gradient(&Evolve::reversible(steps.clone(), schedule)),
            &expected,
        )
    };
    let (none, few, all) = (error(0), error(9), error(59));
    assert!(
        few < 1e-3 * none,
        "{none:e} without, {few:e} with 9 anchors"
    );
    assert!(all < 1e-12, "{all:e} with an anchor at every step");
}

#[test]
fn automatic_schedules_pick_by_size() {
    let (_, x) = start::<f64>();
    let state = x.bytes();
    let chosen = |schedule| gradient::<f64>(&Evolve::new(Swings::uneven(64), schedule)).report;
    // A step saves half a state.
    let all = chosen(Schedule::Auto {
        budget_bytes: 32 * state,
    });
    assert_eq!(all.schedule, Chosen::StoreAll);
    assert_eq!(all.peak_checkpoint_bytes, 32 * state);
    let some = chosen(Schedule::Auto {
        budget_bytes: 32 * state - 1,
    });
    assert_eq!(
        some.schedule,
        Chosen::Checkpoint {
            slots: 31,
            storage: Storage::Memory
        }
    );
    let schedule = ReversibleSchedule::Auto {
        budget_bytes: 32 * state - 1,
    };
    let undone = gradient::<f64>(&Evolve::reversible(Swings::uneven(64), schedule)).report;
    assert_eq!(undone.schedule, Chosen::Reversible { anchors: 2 });
    assert_eq!((undone.undone, undone.recomputed), (64, 0));
}

fn inputs() -> impl Strategy<Value = (Strength<f64>, Pendulums<f64>)> {
    let strength =
        (0.5..2.0, -1.0..1.0).prop_map(|(gravity, coupling)| Strength { gravity, coupling });
    let pendulums = (check::real(3, -2.0..2.0), check::real(3, -1.0..1.0))
        .prop_map(|(q, v)| Pendulums { q, v });
    (strength, pendulums)
}

#[test]
fn the_step_passes_the_checks() {
    check::tangent(&Swing::new(0.3), inputs());
    check::reversible(&Swing::new(0.3), inputs());
}

#[test]
fn runs_pass_the_checks_under_every_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Storage::Disk(folder.path().to_owned());
    // Three pendulums take 48 bytes.
    for schedule in [
        Schedule::StoreAll,
        Schedule::Checkpoint {
            budget_bytes: 48,
            storage: Storage::Memory,
        },
        Schedule::Checkpoint {
            budget_bytes: 150,
            storage: Storage::Memory,
        },
        Schedule::Checkpoint {
            budget_bytes: 150,
            storage: disk,
        },
        Schedule::Auto { budget_bytes: 100 },
    ] {
        check::tangent(&Evolve::new(Swings::uneven(11), schedule.clone()), inputs());
        check::reversible(&Evolve::new(Swings::uneven(11), schedule), inputs());
    }
    for schedule in [
        ReversibleSchedule::Reconstruct { anchors: 0 },
        ReversibleSchedule::Reconstruct { anchors: 3 },
        ReversibleSchedule::Auto { budget_bytes: 200 },
    ] {
        check::tangent(
            &Evolve::reversible(Swings::uneven(11), schedule.clone()),
            inputs(),
        );
        check::reversible(&Evolve::reversible(Swings::uneven(11), schedule), inputs());
    }
}

#[test]
fn a_repeated_step_is_a_run_of_equal_steps() {
    let (p, x) = start::<f64>();
    let equal = Evolve::new(Swings { dt: vec![0.1; 20] }, memory(3));
    let repeat = Evolve::new(
        Repeat {
            op: Swing::new(0.1),
            n: 20,
        },
        memory(3),
    );
    assert_eq!(
        repeat.apply(&p, x.clone()).unwrap(),
        equal.apply(&p, x.clone()).unwrap()
    );
    let (a, b) = (
        repeat.value_and_gradient(&p, x.clone(), loss).unwrap(),
        equal.value_and_gradient(&p, x, loss).unwrap(),
    );
    assert_eq!((a.p_bar, a.x_bar, a.report), (b.p_bar, b.x_bar, b.report));
}

#[test]
fn a_run_of_runs_is_a_run() {
    let (p, x) = start::<f64>();
    let inner = || {
        Evolve::new(
            Repeat {
                op: Swing::new(0.1),
                n: 5,
            },
            Schedule::StoreAll,
        )
    };
    let flat = Evolve::new(
        Repeat {
            op: Swing::new(0.1),
            n: 20,
        },
        Schedule::StoreAll,
    );
    let expected = flat.value_and_gradient(&p, x.clone(), loss).unwrap();
    let nested = Evolve::new(Repeat { op: inner(), n: 4 }, memory(2));
    let found = nested.value_and_gradient(&p, x.clone(), loss).unwrap();
    assert_eq!(
        (found.p_bar, found.x_bar),
        (expected.p_bar.clone(), expected.x_bar.clone())
    );
    let schedule = ReversibleSchedule::Reconstruct { anchors: 1 };
    let undone = Evolve::reversible(Repeat { op: inner(), n: 4 }, schedule);
    let found = undone.value_and_gradient(&p, x.clone(), loss).unwrap();
    assert!(distance(&found, &expected) < 1e-12);
    let back = nested
        .invert(&p, nested.apply(&p, x.clone()).unwrap())
        .unwrap();
    assert!((&back.q - &x.q).iter().all(|d| d.abs() < 1e-13));
}

#[test]
fn a_run_of_no_steps_is_the_identity() {
    let (p, x) = start::<f64>();
    let none = || Swings { dt: Vec::new() };
    let undo = |anchors| ReversibleSchedule::Reconstruct { anchors };
    for evolve in [
        Evolve::new(none(), Schedule::StoreAll),
        Evolve::new(none(), memory(2)),
        Evolve::reversible(none(), undo(2)),
    ] {
        let found = gradient(&evolve);
        assert_eq!(found.x_bar, loss(&x).unwrap().1);
        assert_eq!((found.p_bar.gravity, found.report.evaluations), (0.0, 0));
        assert_eq!(evolve.apply(&p, x.clone()).unwrap(), x);
    }
}

/// Angular velocity that counts how many of its kind are alive.
struct Counted(f64, Arc<Live>);

#[derive(Default)]
struct Live {
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Counted {
    fn new(value: f64, live: &Arc<Live>) -> Self {
        let now = live.now.fetch_add(1, Ordering::Relaxed) + 1;
        live.peak.fetch_max(now, Ordering::Relaxed);
        Self(value, Arc::clone(live))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.now.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(self.0, &self.1)
    }
}

impl State<f64> for Counted {
    fn zeros_like(&self) -> Self {
        Self::new(0.0, &self.1)
    }
    fn axpy(&mut self, a: f64, x: &Self) {
        self.0 += a * x.0;
    }
    fn dot(&self, other: &Self) -> f64 {
        self.0 * other.0
    }
}

impl Fields<f64> for Counted {
    fn visit(&self, f: &mut dyn FnMut(&str, adastra_core::FieldRef<'_, f64>)) {
        self.0.visit(f);
    }
    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, adastra_core::FieldMut<'_, f64>)) {
        self.0.visit_mut(f);
    }
}

/// `x + x^2 / 100`.
struct Grow;

impl Operator<f64> for Grow {
    type Params = ();
    type In = Counted;
    type Out = Counted;
    fn apply(&self, (): &(), mut x: Counted) -> adastra_core::Result<Counted> {
        x.0 += 0.01 * x.0 * x.0;
        Ok(x)
    }
}

impl Adjoint<f64> for Grow {
    type Saved = f64;
    fn record(&self, (): &(), x: Counted) -> adastra_core::Result<(Counted, f64)> {
        let saved = x.0;
        Ok((self.apply(&(), x)?, saved))
    }
    fn vjp(&self, (): &(), x: f64, mut bar: Counted, (): &mut ()) -> adastra_core::Result<Counted> {
        bar.0 *= 1.0 + 0.02 * x;
        Ok(bar)
    }
}

#[test]
fn states_alive_are_the_checkpoints_and_the_ones_in_hand() {
    let peak = |steps, slots: usize| {
        let live = Arc::new(Live::default());
        let schedule = Schedule::Checkpoint {
            budget_bytes: 8 * slots,
            storage: Storage::Memory,
        };
        let evolve = Evolve::new(Repeat { op: Grow, n: steps }, schedule);
        let x = Counted::new(0.1, &live);
        let found = evolve.value_and_gradient(&(), x, |y| Ok((y.0, Counted::new(1.0, &live))));
        assert_eq!(
            found.unwrap().report.peak_checkpoint_bytes,
            8 * slots.min(steps - 1)
        );
        assert_eq!(live.now.load(Ordering::Relaxed), 0, "all are dropped");
        live.peak.load(Ordering::Relaxed)
    };
    // The state and the cotangent in hand.
    for (steps, slots) in [(10, 1), (100, 3), (1000, 3), (1000, 10)] {
        assert_eq!(
            peak(steps, slots),
            slots + 2,
            "{steps} steps, {slots} slots"
        );
    }
}

#[test]
fn an_observer_sees_progress() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let evolve =
        Evolve::<f64, _>::new(Swings::uneven(20), memory(3)).with_observer(move |progress| {
            log.lock().unwrap().push(progress);
            ControlFlow::Continue(())
        });
    let report = gradient(&evolve).report;
    let seen = seen.lock().unwrap();
    let of = |sweep| {
        seen.iter()
            .filter(move |p: &&Progress| p.sweep == sweep)
            .map(|p| p.done)
    };
    assert!(of(Sweep::Forward).eq(1..=20));
    assert!(of(Sweep::Reverse).is_sorted());
    assert_eq!(of(Sweep::Reverse).next_back(), Some(20));
    // Recomputed steps are reported too, but for those that are taped and then pulled back.
    assert_eq!(of(Sweep::Reverse).count(), 20 + report.recomputed - 19);
}

#[test]
fn a_foreign_tape_is_an_error() {
    let (p, x) = start::<f64>();
    let schedule = ReversibleSchedule::Reconstruct { anchors: 2 };
    let undo = Evolve::reversible(Swings::uneven(20), schedule);
    let stored = Evolve::new(Swings::uneven(20), Schedule::StoreAll);
    let short = Evolve::new(Swings::uneven(19), Schedule::StoreAll);
    for other in [&stored, &short] {
        let (y, tape) = undo.record(&p, x.clone()).unwrap();
        let found = other.pull_back(&p, tape, y, &mut p.zeros_like());
        assert!(matches!(found, Err(Error::Tape { found: 20, .. })));
    }
}

#[test]
fn runs_are_sent_between_threads() {
    fn sendable(_: &(impl Send + Sync)) {}
    let evolve = Evolve::<f64, _>::new(Swings::uneven(3), Schedule::StoreAll);
    sendable(&evolve);
    let (p, x) = start();
    let (y, tape) = evolve.record(&p, x).unwrap();
    let report = std::thread::scope(|scope| {
        let pull = scope.spawn(|| evolve.pull_back(&p, tape, y, &mut p.zeros_like()));
        pull.join().unwrap().map(|(_, report): (_, Report)| report)
    });
    assert_eq!(report.unwrap().evaluations, 3);
}

/// A step that takes the memory of its states from a pool and gives it back.
#[derive(Default)]
struct Pooled {
    pool: Mutex<Vec<ndarray::Array1<f64>>>,
    fresh: AtomicUsize,
}

impl Operator<f64> for Pooled {
    type Params = f64;
    type In = ndarray::Array1<f64>;
    type Out = ndarray::Array1<f64>;
    fn apply(&self, p: &f64, mut x: Self::In) -> adastra_core::Result<Self::Out> {
        x.mapv_inplace(|x| x + p * x * (1.0 - x));
        Ok(x)
    }
    fn copy(&self, x: &Self::In) -> Self::In {
        let Some(mut copy) = self.pool.lock().unwrap().pop() else {
            self.fresh.fetch_add(1, Ordering::Relaxed);
            return x.clone();
        };
        State::<f64>::copy_from(&mut copy, x);
        copy
    }
}

impl Adjoint<f64> for Pooled {
    type Saved = ndarray::Array1<f64>;
    fn record(&self, p: &f64, x: Self::In) -> adastra_core::Result<(Self::Out, Self::Saved)> {
        Ok((self.apply(p, x.clone())?, x))
    }
    fn save(&self, _: &f64, x: Self::In) -> adastra_core::Result<Self::Saved> {
        Ok(x)
    }
    fn vjp(
        &self,
        p: &f64,
        x: Self::In,
        bar: Self::Out,
        p_bar: &mut f64,
    ) -> adastra_core::Result<Self::In> {
        *p_bar += ndarray::Zip::from(&bar)
            .and(&x)
            .fold(0.0, |s, b, x| s + b * x * (1.0 - x));
        let x_bar = bar * x.mapv(|x| 1.0 + p * (1.0 - 2.0 * x));
        self.pool.lock().unwrap().push(x);
        Ok(x_bar)
    }
}

#[test]
fn checkpoints_use_the_memory_that_came_back() {
    let slots = 4;
    let x = ndarray::Array1::linspace(0.1, 0.9, 5);
    let schedule = |slots| Schedule::Checkpoint {
        budget_bytes: slots * 5 * 8,
        storage: Storage::Memory,
    };
    let run = |schedule| {
        let op = Pooled::default();
        let run = Evolve::new(Repeat { op, n: 60 }, schedule);
        let loss = |y: &ndarray::Array1<f64>| Ok((y.sum(), ndarray::Array1::ones(5)));
        let found = run.value_and_gradient(&0.05, x.clone(), loss).unwrap();
        let pooled = &run.steps().op;
        let fresh = pooled.fresh.load(Ordering::Relaxed);
        let waiting = pooled.pool.lock().unwrap().len();
        (found.p_bar, found.x_bar, fresh, waiting)
    };
    let (p_bar, x_bar, fresh, waiting) = run(schedule(slots));
    let stored = run(Schedule::StoreAll);
    assert_eq!((p_bar, x_bar), (stored.0, stored.1));
    // One for each slot, and the one in hand.
    assert!(fresh <= slots + 1, "{fresh}");
    assert!(waiting <= slots + 2, "{waiting}");
}
