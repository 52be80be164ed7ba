//! The GPU's kernel, compiled for the CPU with threads for threads: the same sums, to the last cent. What this cannot show
//! is whether a GPU does the same; docs/gpu.md says what was run on one.

use super::made_up::MadeUp;
use crate::contest::simulate::Simulation;
use crate::contest::simulate::gpu::flat::Flat;
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// The program, in a folder that goes away with it.
struct Kernel {
    folder: PathBuf,
}

impl Kernel {
    fn compiled() -> Kernel {
        let folder = std::env::temp_dir().join(format!("scorewire-kernel-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let kernel = Kernel { folder };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/contest/simulate/gpu/cpu_threads.c");
        // A machine that links Rust has a C compiler by this name.
        let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        compiler
            .args(["-O1", "-Wall", "-Werror", "-pthread", "-o"])
            .arg(kernel.program())
            .arg(source);
        if let Some(more) = std::env::var_os("SCOREWIRE_KERNEL_FLAGS") {
            compiler.args(more.to_str().unwrap().split(' '));
        }
        assert!(compiler.status().unwrap().success(), "{compiler:?}");
        kernel
    }

    fn program(&self) -> PathBuf {
        self.folder.join("kernel")
    }

    /// Cents and marks.
    fn run(&self, flat: &Flat, launch: [usize; 2], near: usize, run: [u64; 3]) -> (Vec<u64>, Vec<u32>) {
        let mut child = Command::new(self.program())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let sizes = [launch[0], launch[1], flat.words.len(), flat.rosters, flat.own_words, near].map(|size| size as u64);
        for number in sizes.into_iter().chain(run) {
            input.write_all(&number.to_ne_bytes()).unwrap();
        }
        let words: Vec<u8> = flat.words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        input.write_all(&words).unwrap();
        drop(input);
        let mut answer = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut answer).unwrap();
        assert!(child.wait().unwrap().success());
        let (cents, marks) = answer.split_at(8 * flat.rosters);
        (
            cents.as_chunks().0.iter().map(|bytes| u64::from_ne_bytes(*bytes)).collect(),
            marks.as_chunks().0.iter().map(|bytes| u32::from_ne_bytes(*bytes)).collect(),
        )
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn the_kernel_says_what_the_cpu_build_says() {
    let kernel = Kernel::compiled();
    for seed in 1_000..if cfg!(debug_assertions) { 1_008 } else { 1_030 } {
        let made_up = MadeUp::new(seed);
        let simulation = Simulation::new(Arc::new(made_up.field()), &made_up.players, made_up.quantum).unwrap();
        let flat = Flat::new(&simulation);
        let first = (seed << 31) - 5;
        let wanted = simulation.run(seed, first, 20, NonZeroUsize::MIN, &|| true);
        for (launch, near) in [([1, 1], flat.near_words), ([4, 3], flat.near_words), ([3, 2], 0)] {
            let (cents, marks) = kernel.run(&flat, launch, near, [seed, first, 20]);
            assert_eq!(
                flat.odds(20, &cents, &marks),
                wanted,
                "seed {seed}, {launch:?} threads and blocks, {near} words near"
            );
        }
    }
}
