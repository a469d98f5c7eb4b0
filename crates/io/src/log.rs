//! Logs: tables that grow by a line at a time.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A table of numbers in comma-separated values, such as the conserved quantities of a run.
///
/// Each row is handed to the operating system at once, so that a killed run keeps its log.
#[derive(Debug)]
pub struct CsvLog {
    path: PathBuf,
    file: File,
    columns: usize,
}

impl CsvLog {
    /// Starts a log with the names of its columns, replacing a file of that name.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written.
    pub fn create(path: impl AsRef<Path>, columns: &[&str]) -> Result<Self> {
        let path = path.as_ref();
        let file = File::create(path).map_err(Error::io("write", path))?;
        let mut log = Self {
            path: path.to_path_buf(),
            file,
            columns: columns.len(),
        };
        log.line(&columns.join(","))?;
        Ok(log)
    }

    /// Continues the log of an interrupted run: keeps the rows while `keep` accepts them, drops
    /// the rest (with a half-written last line) and appends from there. A log that does not
    /// exist, or has other columns, is started.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read or written.
    pub fn resume(
        path: impl AsRef<Path>,
        columns: &[&str],
        mut keep: impl FnMut(&[f64]) -> bool,
    ) -> Result<Self> {
        let path = path.as_ref();
        if !path.exists() {
            return Self::create(path, columns);
        }
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(Error::io("write", path))?;
        let mut reader = BufReader::new(&file);
        let mut line = String::new();
        let mut kept = 0;
        let header = columns.join(",");
        loop {
            line.clear();
            // No row is longer; a foreign file may have no line ends at all.
            let limited = reader.by_ref().take(1 << 16).read_line(&mut line);
            let read = match limited {
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => break,
                other => other.map_err(Error::io("read", path))?,
            };
            let Some(text) = line.strip_suffix('\n') else {
                break;
            };
            let wanted = if kept == 0 {
                text == header
            } else {
                let row: Result<Vec<f64>, _> = text.split(',').map(str::parse).collect();
                row.is_ok_and(|row| row.len() == columns.len() && keep(&row))
            };
            if !wanted {
                break;
            }
            kept += read as u64;
        }
        if kept == 0 {
            return Self::create(path, columns);
        }
        let mut log = Self {
            path: path.to_path_buf(),
            file,
            columns: columns.len(),
        };
        let cut = log
            .file
            .set_len(kept)
            .and_then(|()| log.file.seek(SeekFrom::Start(kept)));
        cut.map_err(Error::io("write", path))?;
        Ok(log)
    }

    /// Appends a row. Numbers are written with the digits that reproduce them exactly.
    ///
    /// # Errors
    /// [`Error::Columns`] for another number of columns than the log has; [`Error::Io`] when
    /// the file cannot be written.
    pub fn append(&mut self, row: &[f64]) -> Result<()> {
        if row.len() != self.columns {
            let path = self.path.clone();
            return Err(Error::Columns {
                path,
                found: row.len(),
                expected: self.columns,
            });
        }
        let row: Vec<String> = row.iter().map(|&x| number(x)).collect();
        self.line(&row.join(","))
    }

    fn line(&mut self, text: &str) -> Result<()> {
        // One write call: a line is in the file whole, or not at all.
        let written = self.file.write_all(format!("{text}\n").as_bytes());
        written
            .and_then(|()| self.file.flush())
            .map_err(Error::io("write", &self.path))
    }
}

/// Plain where that is short, exponential where it is not.
fn number(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 || (1e-4..1e9).contains(&size) {
        format!("{x}")
    } else {
        format!("{x:e}")
    }
}
