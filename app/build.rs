//! Links the program so that little of it is resident: see `pack_relocations`.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let of = |name| std::env::var(name).unwrap_or_default();
    if of("CARGO_CFG_TARGET_ENV") == "gnu" && of("HOST") == of("TARGET") {
        pack_relocations();
    }
}

/// Asks for relative relocations in their packed form (DT_RELR): 20 kB in place of 590, which daemon and holder would each
/// read at their start and keep. The loader of glibc reads that form since 2.36; what is built for an older one, or for
/// another machine, stays as it is.
fn pack_relocations() {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok();
    let told = told.and_then(|it| String::from_utf8(it.stdout).ok()).unwrap_or_default();
    let version = told.trim().strip_prefix("glibc ").and_then(|it| it.split_once('.'));
    let (Some(major), Some(minor)) = version.map_or((None, None), |(major, rest)| {
        let minor = rest.split('.').next().unwrap_or_default();
        (major.parse::<u32>().ok(), minor.parse::<u32>().ok())
    }) else {
        return;
    };
    if (major, minor) >= (2, 36) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
