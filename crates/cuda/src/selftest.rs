//! Is this device right, and how fast is it?

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use adastra_core::{Error, Evolve, Operator, Real, Result, ReversibleSchedule, State};
use adastra_grid::Mesh;
use ndarray::Array3;
use num_complex::Complex;

use crate::fft::Fft;
use crate::{
    Background, Boson, ComplexArray, CudaError, Device, Leapfrog, RealArray, SelfGravity, Wave,
    WaveState, conformance,
};

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfTest {
    /// Numbers of cells along each axis of the cubic meshes; those that do not fit are left out.
    pub meshes: Vec<usize>,
    /// Bytes of the array that is copied.
    pub bytes: usize,
    /// Steps of a timed run.
    pub steps: usize,
}

impl Default for SelfTest {
    /// Meshes of 32, 128, 256 and 512 cells, a copy of 1 GiB, 20 steps.
    fn default() -> Self {
        Self {
            meshes: vec![32, 128, 256, 512],
            bytes: 1 << 30,
            steps: 20,
        }
    }
}

fn write(out: &mut dyn Write, line: std::fmt::Arguments<'_>) -> Result<()> {
    let written = out.write_fmt(line).and_then(|()| out.write_all(b"\n"));
    written.map_err(|error| Error::operator("selftest", error))
}

/// Seconds of the fastest of three runs of `work`, after one that is not counted.
fn seconds(device: &Device, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for run in 0..4 {
        device.synchronize()?;
        let start = Instant::now();
        work()?;
        device.synchronize()?;
        if run > 0 {
            best = best.min(start.elapsed().as_secs_f64());
        }
    }
    Ok(best)
}

impl SelfTest {
    /// Compares every operator with its twin, then measures; prints one line per result.
    ///
    /// # Errors
    /// [`CudaError::Differs`] for the first comparison that does not hold, once all are printed;
    /// what opening the device and working on it can say; and where `out` cannot be written.
    pub fn run(&self, ordinal: usize, out: &mut dyn Write) -> Result<()> {
        let device = Device::open(ordinal)?;
        let gib = device.memory() as f64 / f64::from(1 << 30);
        write(out, format_args!("{device:?}, {gib:.1} GiB"))?;
        let compared = conformance(&device)?;
        for found in &compared {
            let crate::Compared {
                what,
                precision,
                error,
                allowed,
            } = found;
            let verdict = if found.holds() { "ok" } else { "WRONG" };
            write(
                out,
                format_args!(
                    "{verdict:5} {what} in {precision}: {error:.1e} (allowed {allowed:.0e})"
                ),
            )?;
        }
        if let Some(wrong) = compared.into_iter().find(|found| !found.holds()) {
            return Err(CudaError::Differs {
                what: wrong.what,
                precision: wrong.precision,
                error: wrong.error,
                allowed: wrong.allowed,
            }
            .into());
        }
        self.bandwidth(&device, out)?;
        for &n in &self.meshes {
            let mesh = Mesh::new([n; 3], [10.0; 3]).map_err(|e| Error::operator("selftest", e))?;
            let measured = self.mesh::<f32>(&device, &mesh, out);
            let measured = measured.and_then(|()| self.mesh::<f64>(&device, &mesh, out));
            match measured {
                Err(Error::Operator { source, .. }) if is_full(&*source) => {
                    write(out, format_args!("{n}^3: does not fit: {source}"))?;
                }
                other => other?,
            }
        }
        Ok(())
    }

    fn bandwidth(&self, device: &Device, out: &mut dyn Write) -> Result<()> {
        let n = (self.bytes / 4).max(1);
        let x = RealArray::<f32>::zeros(device, &[n])?;
        let mut y = x.try_clone()?;
        let best = seconds(device, || {
            y.clone_from(&x);
            Ok(())
        })?;
        // Read once and written once.
        let copy = 8.0 * n as f64 / best / 1e9;
        let best = seconds(device, || Ok(y.try_axpy(0.5, &x)?))?;
        let axpy = 12.0 * n as f64 / best / 1e9;
        write(
            out,
            format_args!("bandwidth: copy {copy:.0} GB/s, y += a x {axpy:.0} GB/s"),
        )
    }

    /// Transforms, steps of wave dark matter under its own gravity, and their gradient.
    fn mesh<T: Real>(&self, device: &Device, mesh: &Mesh, out: &mut dyn Write) -> Result<()> {
        let (n, cells, precision) = (mesh.cells()[0], mesh.len() as f64, T::NAME);
        let psi = Array3::from_shape_fn(mesh.shape(), |(i, j, k)| {
            let phase = 0.1 * (i as f64).sin() + 0.2 * j as f64 + 0.05 * k as f64;
            let z = Complex::from_polar(1e3 * (1.0 + 0.1 * (k as f64).cos()), phase);
            Complex::new(T::of(z.re), T::of(z.im))
        });
        let start = ComplexArray::from_host(device, psi.view())?;
        drop(psi);

        let fft = Fft::<T>::new(device, mesh.cells())?;
        let mut x = start.try_clone()?;
        let rounds = self.steps;
        let best = seconds(device, || {
            for _ in 0..rounds {
                fft.run(&mut x, false)?;
                fft.run(&mut x, true)?;
            }
            // Each pair multiplies by N; zero overflows nothing.
            x.clear()?;
            Ok(())
        })?;
        drop((x, fft));
        let rate = 2.0 * rounds as f64 * cells / best / 1e9;
        write(
            out,
            format_args!("{n}^3 {precision}: complex transforms, {rate:.2} billion cells/s"),
        )?;

        let wave = Wave::new(device, mesh, 0.0)?;
        let system = Arc::new(SelfGravity::new(device, mesh, wave)?);
        let boson = Boson {
            m_per_hbar: T::of(0.05),
            c1: T::zero(),
        };
        let p = (boson, Background::none());
        let dt = vec![1e-4; self.steps];
        let leapfrog = || Leapfrog::new(system.clone(), &dt);
        let schedule = ReversibleSchedule::Reconstruct { anchors: 0 };
        let run = Evolve::reversible(leapfrog(), schedule);
        let x = WaveState { psi: start };
        let forward = seconds(device, || run.apply(&p, x.clone()).map(drop))?;
        let rate = self.steps as f64 * cells / forward / 1e9;
        let step = 1e3 * forward / self.steps as f64;
        write(
            out,
            format_args!(
                "{n}^3 {precision}: wave dark matter, {rate:.2} billion cell updates/s, \
                 {step:.3} ms a step"
            ),
        )?;
        let both = seconds(device, || {
            let loss = |y: &WaveState<T>| {
                let mut bar = y.zeros_like();
                bar.axpy(T::one(), y);
                Ok((0.5 * y.dot(y), bar))
            };
            run.value_and_gradient(&p, x.clone(), loss).map(drop)
        })?;
        let ratio = both / forward;
        let gib = device.allocated() as f64 / f64::from(1 << 30);
        write(
            out,
            format_args!(
                "{n}^3 {precision}: value and gradient in {ratio:.2} forward runs, {gib:.2} GiB so far"
            ),
        )
    }
}

fn is_full(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(
        error.downcast_ref(),
        Some(CudaError::OutOfMemory { .. } | CudaError::FftMemory { .. })
    )
}
