//! A device that fails: one clear error, and never a panic.

mod common;

use std::sync::{Mutex, PoisonError};

use adastra_core::{Fields, State};
use adastra_cuda::{Argument, CudaError, Device, RealArray};

/// The tests of this process share the driver.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn memory_runs_out_with_the_sizes_and_comes_back() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(fake) = common::fake() else { return };
    fake.set_memory(1 << 20).unwrap();
    let device = Device::open(0).unwrap();
    let half = RealArray::<f32>::zeros(&device, &[1 << 17]).unwrap();
    let error = RealArray::<f32>::zeros(&device, &[1 << 18]).unwrap_err();
    let CudaError::OutOfMemory { bytes, free, total } = error else {
        panic!("{error}");
    };
    assert_eq!((bytes, total), (1 << 20, 1 << 20));
    assert!(free <= 1 << 19, "{free}");
    // What is spare is given up for a request of another size.
    drop(half);
    let most = RealArray::<f32>::zeros(&device, &[200_000]).unwrap();
    assert_eq!(device.allocated(), 800_000_usize.next_multiple_of(256));
    // A clone cannot fail, but what comes after it does.
    let copy = most.clone();
    assert!(copy.dot(&most).is_nan());
    assert!(copy.non_finite().is_some());
    let error = copy.to_host().unwrap_err();
    assert!(matches!(error, CudaError::OutOfMemory { .. }), "{error}");
    drop((most, copy, device));
    assert_eq!(
        fake.used().unwrap(),
        0,
        "a closed device has freed its memory"
    );
    fake.set_memory(1 << 30).unwrap();
}

#[test]
fn a_lost_device_stays_lost() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(fake) = common::fake() else { return };
    let device = Device::open(0).unwrap();
    let x = RealArray::<f64>::zeros(&device, &[100]).unwrap();
    fake.fail(c"cuLaunchKernel", 719).unwrap();
    let error = x.try_dot(&x).unwrap_err();
    let lost = CudaError::DeviceLost {
        function: "cuLaunchKernel",
        code: 719,
        detail: "an error of the fake driver".to_owned(),
    };
    assert_eq!(error, lost);
    assert!(
        error
            .to_string()
            .contains("start again from the last snapshot")
    );
    assert_eq!(device.check(), Err(lost.clone()));
    assert_eq!(RealArray::<f32>::zeros(&device, &[3]).unwrap_err(), lost);
    assert!(x.clone().dot(&x).is_nan());
    fake.fail(c"", 0).unwrap();
    // The driver has recovered, but what the device held is gone.
    assert_eq!(device.synchronize(), Err(lost));
    assert!(Device::open(0).is_ok());
}

#[test]
fn codes_newer_than_the_library_keep_their_number() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(fake) = common::fake() else { return };
    let device = Device::open(0).unwrap();
    fake.fail(c"cuMemAlloc_v2", 46).unwrap();
    let error = RealArray::<f32>::zeros(&device, &[3]).unwrap_err();
    let expected = CudaError::Driver {
        function: "cuMemAlloc_v2",
        code: 46,
        detail: "an error of the fake driver".to_owned(),
    };
    assert_eq!(error, expected);
    // One that the driver has no text for.
    fake.fail(c"cuDeviceGetCount", 9999).unwrap();
    let error = Device::open(0).unwrap_err();
    assert!(
        error.to_string().contains("no description (code 9999)"),
        "{error}"
    );
    fake.fail(c"", 0).unwrap();
}

#[test]
fn an_old_driver_is_named() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(fake) = common::fake() else { return };
    let device = Device::open(0).unwrap();
    fake.fail(c"cuModuleLoadDataEx", 222).unwrap();
    let x = RealArray::<f32>::zeros(&device, &[3]).unwrap();
    let error = x.try_dot(&x).unwrap_err();
    assert!(error.to_string().contains("driver 550 or newer"), "{error}");
    fake.fail(c"cuDeviceGetCount", 100).unwrap();
    assert_eq!(Device::open(0).unwrap_err(), CudaError::NoDevice);
    fake.fail(c"", 0).unwrap();
}

#[test]
fn a_kernel_gets_the_arguments_it_takes() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(device) = common::device() else {
        return;
    };
    let ptx = include_str!("../kernels/state.f32.ptx");
    let module = device.load(ptx).unwrap();
    let error = module.kernel("none").unwrap_err();
    assert_eq!(error.to_string(), "no kernel none among the loaded ones");
    let x = RealArray::<f32>::zeros(&device, &[3]).unwrap();
    let kernel = module.kernel("fill_f32").unwrap();
    let mut arguments = [
        Argument::new(x.pointer().unwrap()),
        Argument::new(1.5f64),
        Argument::new(3u64),
    ];
    // SAFETY: the launch is refused.
    let error = unsafe { kernel.launch(1, 256, &mut arguments) }.unwrap_err();
    assert_eq!(
        error.to_string(),
        "arguments of [8, 8, 8] bytes for a kernel that takes [8, 4, 8]"
    );
    arguments[1] = Argument::new(1.5f32);
    // SAFETY: the kernel takes an address, a number and the length of the array.
    unsafe { kernel.launch(1, 256, &mut arguments) }.unwrap();
    assert_eq!(x.to_array::<ndarray::Ix1>().unwrap().to_vec(), [1.5; 3]);
    assert!(device.load("no PTX").is_err());
}
