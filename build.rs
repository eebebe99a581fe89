//! How `lab` is linked. Each run starts with it, and most of a short run's time is a program's start: what the dynamic
//! linker would do then, at every start, the linker does here where it can.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// What rustc links by name, and what stands for it where all is static.
const LIBRARIES: [(&str, &str); 7] = [
    ("c", "c"),
    ("m", "m"),
    ("dl", "dl"),
    ("rt", "rt"),
    ("util", "util"),
    ("pthread", "pthread"),
    ("gcc_s", "gcc_eh"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // At a fixed address nothing is left to relocate: thousands of pointers, on pages that every fork would copy.
    println!("cargo::rustc-link-arg-bins=-no-pie");
    if can_be_static() {
        link_statically();
    } else {
        // A function of the C library is looked up when it is called first, if ever.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,lazy");
    }
}

/// rustc links statically everything or nothing, and what runs in rustc itself cannot be. For one program all that is in
/// the way is that rustc asks for shared libraries: a linker script in the place of each names the static ones.
fn link_statically() {
    let folder = env::var("OUT_DIR").expect("Cargo says where to write");
    for (shared, archive) in LIBRARIES {
        let script = format!("GROUP ( -l:lib{archive}.a -l:libc.a -l:libgcc_eh.a -l:libgcc.a )\n");
        let file = Path::new(&folder).join(format!("lib{shared}.so"));
        fs::write(file, script).expect("Cargo's folder can be written");
    }
    println!("cargo::rustc-link-arg-bins=-static");
    println!("cargo::rustc-link-arg-bins=-L{folder}");
}

/// Whether the archives are here, for the machine that the program is for, and the linker is the one that rustc chose.
fn can_be_static() -> bool {
    let is_for_here = env::var("HOST") == env::var("TARGET");
    let is_gnu = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|it| it == "gnu");
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let is_usual = env::var_os("RUSTC_LINKER").is_none() && !flags.contains("link");
    is_for_here && is_gnu && is_usual && LIBRARIES.iter().all(|(_, archive)| is_here(archive))
}

/// The compiler answers with a path, or with the bare name where it finds none.
fn is_here(archive: &str) -> bool {
    let said = Command::new("cc").arg(format!("-print-file-name=lib{archive}.a")).output();
    said.is_ok_and(|said| said.stdout.starts_with(b"/"))
}
