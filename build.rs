//! How `lab` is linked. Each run starts with it, and most of a short run's time is a program's start: of what the dynamic
//! linker would do then, at every start, the linker does here as much as it can.

fn main() {
    // At a fixed address nothing is left to relocate: thousands of pointers, on pages that every fork would copy.
    println!("cargo::rustc-link-arg-bins=-no-pie");
    // A function of the C library is looked up when it is called first, if ever.
    println!("cargo::rustc-link-arg-bins=-Wl,-z,lazy");
    println!("cargo::rerun-if-changed=build.rs");
}
