//! Checkpoints on disk, interruptions and errors.

mod common;

use std::ops::ControlFlow;

use adastra_core::{Adjoint, Error, Evolve, Fields, Repeat, Schedule, State, Storage, Sweep};
use common::{Pendulums, Swing, Swings, loss, start};
use ndarray::Array1;

fn interrupted(result: Result<impl Sized, Error>) -> Option<(Sweep, usize, usize)> {
    match result {
        Err(Error::Interrupted { sweep, done, of }) => Some((sweep, done, of)),
        _ => None,
    }
}

#[test]
fn an_observer_stops_either_sweep_and_files_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::Disk(folder.path().to_owned());
    let (p, x) = start::<f64>();
    for (stop, at) in [(Sweep::Forward, 13), (Sweep::Reverse, 6)] {
        let schedule = Schedule::Checkpoint {
            budget_bytes: 200,
            storage: storage.clone(),
        };
        let evolve =
            Evolve::<f64, _>::new(Swings::uneven(20), schedule).with_observer(move |progress| {
                if progress.sweep == stop && progress.done == at {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
        let found = evolve.value_and_gradient(&p, x.clone(), loss);
        assert_eq!(interrupted(found), Some((stop, at, 20)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn checkpoints_lie_in_the_folder_until_the_tape_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::Disk(folder.path().to_owned());
    let (p, x) = start::<f64>();
    let evolve = Evolve::new(
        Swings::uneven(20),
        Schedule::Checkpoint {
            budget_bytes: 200,
            storage,
        },
    );
    let subfolders = || {
        std::fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .map(|e| e.path())
    };
    let (_, first) = evolve.record(&p, x.clone()).unwrap();
    let (_, second) = evolve.record(&p, x).unwrap();
    assert_eq!(
        subfolders().count(),
        2,
        "each gradient has a folder of its own"
    );
    for path in subfolders() {
        let files = std::fs::read_dir(path).unwrap().flatten();
        let bytes: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
        assert_eq!(bytes, first.report().peak_checkpoint_bytes as u64);
    }
    drop(first);
    assert_eq!(subfolders().count(), 1);
    drop(second);
    assert_eq!(subfolders().count(), 0);
}

#[test]
fn an_error_of_a_step_passes_through_and_files_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::Disk(folder.path().to_owned());
    let (p, x) = start::<f64>();
    let op = Swing {
        dt: 0.1,
        limit: 0.35,
    };
    let schedule = Schedule::Checkpoint {
        budget_bytes: 200,
        storage,
    };
    let evolve = Evolve::new(Repeat { op, n: 50 }, schedule);
    let found = evolve.value_and_gradient(&p, x, loss);
    assert!(matches!(found, Err(Error::Range { value, .. }) if value > 0.35));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_missing_folder_and_lost_files_are_storage_errors() {
    let folder = tempfile::tempdir().unwrap();
    let (p, x) = start::<f64>();
    let evolve = |folder: std::path::PathBuf| {
        let storage = Storage::Disk(folder);
        Evolve::new(
            Swings::uneven(20),
            Schedule::Checkpoint {
                budget_bytes: 200,
                storage,
            },
        )
    };
    let nowhere = folder.path().join("nowhere");
    let found = evolve(nowhere.clone()).record(&p, x.clone());
    assert!(matches!(found, Err(Error::Storage { folder, .. }) if folder.starts_with(nowhere)));

    let evolve = evolve(folder.path().to_owned());
    for truncate in [false, true] {
        let (y, tape) = evolve.record(&p, x.clone()).unwrap();
        let subfolder = std::fs::read_dir(folder.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        for file in std::fs::read_dir(subfolder).unwrap().flatten() {
            if truncate {
                let bytes = std::fs::read(file.path()).unwrap();
                std::fs::write(file.path(), &bytes[..bytes.len() - 1]).unwrap();
            } else {
                std::fs::remove_file(file.path()).unwrap();
            }
        }
        let found = evolve.vjp(&p, tape, y, &mut p.zeros_like());
        assert!(matches!(found, Err(Error::Storage { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn fields_longer_than_a_buffer_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (p, _) = start::<f64>();
    let values = |scale: f64| Array1::from_iter((0..100_003).map(|i| (scale * f64::from(i)).sin()));
    let x = Pendulums {
        q: values(0.7),
        v: values(0.3),
    };
    let gradient = |storage| {
        let schedule = Schedule::Checkpoint {
            budget_bytes: 2 * x.bytes(),
            storage,
        };
        let evolve = Evolve::new(Swings::uneven(5), schedule);
        evolve.value_and_gradient(&p, x.clone(), loss).unwrap()
    };
    let memory = gradient(Storage::Memory);
    let disk = gradient(Storage::Disk(folder.path().to_owned()));
    assert_eq!((disk.p_bar, disk.x_bar), (memory.p_bar, memory.x_bar));
}
