//! Scratch memory that outlives the call that used it.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use num_traits::Zero;

/// Bytes of the widest vector register, and of a cache line.
const ALIGNMENT: usize = 64;

/// Buffers of one length, handed out and taken back.
///
/// Fresh pages cost as much as the arithmetic done on them; a time step must not ask the system
/// for memory.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    len: usize,
    free: Mutex<Vec<Vec<T>>>,
}

impl<T: Zero + Copy> Pool<T> {
    /// A pool of buffers of `len` numbers, empty at first.
    pub(crate) fn new(len: usize) -> Self {
        Self {
            len,
            free: Mutex::new(Vec::new()),
        }
    }

    /// A buffer, zero when new and otherwise as its last user left it.
    pub(crate) fn take(&self) -> Buffer<'_, T> {
        // A poisoned lock still guards a list of whole buffers.
        let used = self
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let memory = used.unwrap_or_else(|| vec![T::zero(); self.len + ALIGNMENT / size_of::<T>()]);
        let start = memory
            .as_ptr()
            .align_offset(ALIGNMENT)
            .min(memory.len() - self.len);
        Buffer {
            memory,
            start,
            pool: self,
        }
    }
}

/// A borrowed buffer that begins on a cache line.
pub(crate) struct Buffer<'a, T: Zero + Copy> {
    memory: Vec<T>,
    start: usize,
    pool: &'a Pool<T>,
}

impl<T: Zero + Copy> Deref for Buffer<'_, T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.memory[self.start..][..self.pool.len]
    }
}

impl<T: Zero + Copy> DerefMut for Buffer<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..][..self.pool.len]
    }
}

impl<T: Zero + Copy> Drop for Buffer<'_, T> {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        self.pool
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(memory);
    }
}
