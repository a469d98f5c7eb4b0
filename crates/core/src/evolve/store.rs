//! A stack of checkpoints, in memory or in files.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::{ArrayViewD, ArrayViewMutD};
use num_complex::Complex;

use crate::{Error, FieldMut, FieldRef, Fields, Memory, Real, Result, Storage};

/// States, of which the newest is at hand.
pub(crate) enum Store<X> {
    Memory(Vec<X>),
    Host(Vec<X>),
    Disk(Disk),
}

impl<X> Store<X> {
    pub(crate) fn new(storage: &Storage) -> Result<Self> {
        Ok(match storage {
            Storage::Memory => Self::Memory(Vec::new()),
            Storage::Host => Self::Host(Vec::new()),
            Storage::Disk(folder) => Self::Disk(Disk::new(folder)?),
        })
    }

    /// Puts a copy of `x` on top.
    pub(crate) fn push<T: Real>(&mut self, x: &X, copy: impl FnOnce(&X) -> X) -> Result<()>
    where
        X: Fields<T>,
    {
        match self {
            Self::Memory(states) => {
                states.push(copy(x));
                Ok(())
            }
            Self::Host(states) => {
                states.push(x.copy_in(Memory::Host));
                Ok(())
            }
            Self::Disk(disk) => disk.push(x),
        }
    }

    /// Removes and returns the newest state, if there is one. `like` has its shape.
    pub(crate) fn pop<T: Real>(&mut self, like: &X) -> Result<Option<X>>
    where
        X: Fields<T>,
    {
        match self {
            Self::Memory(states) => Ok(states.pop()),
            Self::Host(states) => Ok(states.pop().map(|x| x.copy_in(Memory::Working))),
            Self::Disk(disk) => {
                let x = disk.newest(like)?;
                disk.drop_newest()?;
                Ok(x)
            }
        }
    }

    /// A copy of the newest state, if there is one. `like` has its shape.
    pub(crate) fn newest<T: Real>(&self, like: &X, copy: impl FnOnce(&X) -> X) -> Result<Option<X>>
    where
        X: Fields<T>,
    {
        match self {
            Self::Memory(states) => Ok(states.last().map(copy)),
            Self::Host(states) => Ok(states.last().map(|x| x.copy_in(Memory::Working))),
            Self::Disk(disk) => disk.newest(like),
        }
    }
}

/// Checkpoints as files of raw little-endian numbers, in the order of the fields' visits, within a
/// folder that this value owns and removes.
pub(crate) struct Disk {
    folder: PathBuf,
    kept: usize,
}

/// Tells apart the folders of one process.
static FOLDERS: AtomicU64 = AtomicU64::new(0);

impl Disk {
    fn new(parent: &Path) -> Result<Self> {
        loop {
            let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
            let name = format!("adastra-checkpoints-{}-{number}", process::id());
            let folder = parent.join(name);
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(Self { folder, kept: 0 }),
                // Left by a killed process of the same id: leave it alone.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(Error::Storage { folder, source }),
            }
        }
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{index}.bin"))
    }

    fn error(&self) -> impl Fn(io::Error) -> Error + '_ {
        |source| Error::Storage {
            folder: self.folder.clone(),
            source,
        }
    }

    fn push<T: Real, X: Fields<T>>(&mut self, x: &X) -> Result<()> {
        write(&self.path(self.kept), x).map_err(self.error())?;
        self.kept += 1;
        Ok(())
    }

    fn newest<T: Real, X: Fields<T>>(&self, like: &X) -> Result<Option<X>> {
        let Some(index) = self.kept.checked_sub(1) else {
            return Ok(None);
        };
        let mut x = like.clone();
        read(&self.path(index), &mut x).map_err(self.error())?;
        Ok(Some(x))
    }

    fn drop_newest(&mut self) -> Result<()> {
        if let Some(index) = self.kept.checked_sub(1) {
            fs::remove_file(self.path(index)).map_err(self.error())?;
            self.kept = index;
        }
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Nobody is left to tell: at worst some files stay behind.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Bytes of one transfer.
const BUFFER: usize = 1 << 18;

fn write<T: Real, X: Fields<T>>(path: &Path, x: &X) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    let mut bytes = Vec::with_capacity(BUFFER + 2 * T::BYTES);
    let mut result = Ok(());
    x.visit(&mut |_, field| {
        if result.is_ok() {
            result = match field {
                FieldRef::Real(a) => write_all(&mut file, &mut bytes, a, |x, b| x.put(b)),
                FieldRef::Complex(a) => write_all(&mut file, &mut bytes, a, |z, b| {
                    z.re.put(b);
                    z.im.put(b);
                }),
            };
        }
    });
    result?;
    file.write_all(&bytes)
}

/// Appends numbers to `bytes`, and writes these whenever they fill a buffer.
fn write_all<A: Copy>(
    file: &mut impl Write,
    bytes: &mut Vec<u8>,
    a: ArrayViewD<'_, A>,
    put: impl Fn(A, &mut Vec<u8>),
) -> io::Result<()> {
    a.iter().try_for_each(|&x| {
        put(x, bytes);
        if bytes.len() >= BUFFER {
            file.write_all(bytes)?;
            bytes.clear();
        }
        Ok(())
    })
}

fn read<T: Real, X: Fields<T>>(path: &Path, x: &mut X) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut bytes = vec![0; BUFFER];
    let mut result = Ok(());
    x.visit_mut(&mut |_, field| {
        if result.is_ok() {
            result = match field {
                FieldMut::Real(a) => read_all(&mut file, &mut bytes, T::BYTES, a, T::get),
                FieldMut::Complex(a) => read_all(&mut file, &mut bytes, 2 * T::BYTES, a, |b| {
                    let (re, im) = b.split_at(T::BYTES);
                    Complex::new(T::get(re), T::get(im))
                }),
            };
        }
    });
    result
}

/// Reads numbers of `size` bytes, a buffer at a time.
fn read_all<A>(
    file: &mut impl Read,
    bytes: &mut [u8],
    size: usize,
    mut a: ArrayViewMutD<'_, A>,
    get: impl Fn(&[u8]) -> A,
) -> io::Result<()> {
    let mut left = a.len();
    let mut numbers = a.iter_mut();
    while left > 0 {
        let count = left.min(bytes.len() / size);
        let bytes = &mut bytes[..count * size];
        file.read_exact(bytes)?;
        // In this order: the pair that ends the loop must not swallow a number.
        let pairs = bytes.chunks_exact(size).zip(numbers.by_ref());
        pairs.for_each(|(b, x)| *x = get(b));
        left -= count;
    }
    Ok(())
}
