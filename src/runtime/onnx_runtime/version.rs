//! The version that a library of ONNX Runtime states.

use std::ffi::{CStr, c_char, c_void};
use std::path::Path;

use libloading::{Library, Symbol};

/// What every release exports (`OrtApiBase` in onnxruntime_c_api.h).
#[repr(C)]
struct ApiBase {
    api: unsafe extern "C" fn(u32) -> *const c_void,
    version: unsafe extern "C" fn() -> *const c_char,
}

/// The version of a library that is in use already.
pub fn of_library(path: &Path) -> Result<String, String> {
    // SAFETY: the library has been loaded before, so that nothing of it runs now; the function and the struct that it
    // returns a pointer to have not changed since the first release, and the version is a constant of the library.
    let version = unsafe {
        let library = Library::new(path).map_err(|error| error.to_string())?;
        let base: Symbol<unsafe extern "C" fn() -> *const ApiBase> =
            library.get(b"OrtGetApiBase").map_err(|error| error.to_string())?;
        let base = base().as_ref().ok_or("it has no interface")?;
        CStr::from_ptr((base.version)()).to_string_lossy().into_owned()
    };
    Ok(version)
}
