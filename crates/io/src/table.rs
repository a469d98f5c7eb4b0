//! Reading logs back.

use std::path::Path;

use crate::{Error, Result};

/// A log that was read: names of the columns, and rows of as many numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows, at least one, each as long as `columns`.
    pub rows: Vec<Vec<f64>>,
}

/// Reads a log that [`CsvLog`](crate::CsvLog) wrote. A half-written last line is left out.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read; [`Error::Foreign`] when it is no log, or has no
/// complete row.
pub fn read_log(path: impl AsRef<Path>) -> Result<Table> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    // Only lines with an end: a number that a kill cut off may still look like one.
    let mut lines = text
        .split_inclusive('\n')
        .map_while(|line| line.strip_suffix('\n'))
        .map(|line| line.trim_end_matches('\r'));
    let columns: Vec<String> = lines
        .next()
        .unwrap_or_default()
        .split(',')
        .map(str::to_owned)
        .collect();
    let parse = |line: &str| -> Option<Vec<f64>> {
        let row: Vec<f64> = line
            .split(',')
            .map(|x| x.parse().ok())
            .collect::<Option<_>>()?;
        (row.len() == columns.len()).then_some(row)
    };
    let rows: Vec<_> = lines.map_while(parse).collect();
    if rows.is_empty() {
        return Err(Error::Foreign {
            path: path.to_owned(),
            expected: "a log with a complete row",
        });
    }
    Ok(Table { columns, rows })
}
