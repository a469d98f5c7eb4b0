//! The log of conserved quantities.

use adastra_io::{CsvLog, Error, read_log};

const COLUMNS: [&str; 3] = ["step", "mass", "energy"];

#[test]
fn rows_are_on_disk_at_once_and_exact() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    let mut log = CsvLog::create(&path, &COLUMNS).unwrap();
    log.append(&[0.0, 8e8, -1.25e-7]).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, "step,mass,energy\n0,800000000,-1.25e-7\n");
    log.append(&[1.0, 0.1 + 0.2, f64::NAN]).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let row: Vec<f64> = text
        .lines()
        .nth(2)
        .unwrap()
        .split(',')
        .map(|n| n.parse().unwrap())
        .collect();
    assert_eq!(row[1], 0.1 + 0.2);
    assert!(row[2].is_nan());
    let error = log.append(&[1.0]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Columns {
                found: 1,
                expected: 3,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn an_interrupted_log_goes_on_where_the_restart_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    // Starts one where there is none.
    let mut log = CsvLog::resume(&path, &COLUMNS, |_| true).unwrap();
    for step in 0..5 {
        log.append(&[f64::from(step), 1.0, 2.0]).unwrap();
    }
    drop(log);
    // A kill may cut the last line.
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{whole}5,1.")).unwrap();
    let mut log = CsvLog::resume(&path, &COLUMNS, |row| row[0] <= 2.0).unwrap();
    log.append(&[3.0, 1.0, 7.0]).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, "step,mass,energy\n0,1,2\n1,1,2\n2,1,2\n3,1,7\n");
    // Another table of the same name is started anew.
    CsvLog::resume(&path, &["step"], |_| true).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "step\n");
    std::fs::write(&path, [0xff, 0xfe, b'\n']).unwrap();
    CsvLog::resume(&path, &["step"], |_| true).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "step\n");
}

#[test]
fn a_log_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("log.csv");
    let error = CsvLog::create(&path, &COLUMNS).unwrap_err();
    assert!(matches!(
        error,
        Error::Io {
            action: "write",
            ..
        }
    ));
    assert!(error.to_string().contains("log.csv"), "{error}");
}

#[test]
fn a_log_is_read_back_without_a_half_written_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    let mut log = CsvLog::create(&path, &COLUMNS).unwrap();
    log.append(&[0.0, 1.5, -2e-9]).unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{whole}1,1.5,-2")).unwrap();
    let table = read_log(&path).unwrap();
    assert_eq!(table.columns, COLUMNS);
    assert_eq!(table.rows, [[0.0, 1.5, -2e-9]]);
    std::fs::write(&path, "no log").unwrap();
    assert!(matches!(read_log(&path), Err(Error::Foreign { .. })));
}
