//! Where ONNX Runtime's library is looked for, in which order.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Folders where installations by hand put it, beside those that the system's loader knows.
const FOLDERS: [&str; 3] = ["/usr/local/lib", "/opt/onnxruntime/lib", "/usr/lib"];

/// A place to try, and whether somebody named it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Candidate {
    /// A file, or a name for the system's loader.
    pub(super) library: PathBuf,
    /// Whether it was named: then it failing is news.
    pub(super) is_named: bool,
}

/// What to try: `predict.onnxruntime`, `ORT_DYLIB_PATH`, beside the program, the system's loader, the usual
/// folders. The two named ones may be folders, too.
pub(super) fn candidates(configured: Option<&Path>, variable: Option<&OsStr>, program: Option<&Path>) -> Vec<Candidate> {
    let variable = variable.filter(|value| !value.is_empty()).map(Path::new);
    let named = [configured, variable].into_iter().flatten().map(|place| Candidate {
        // A folder without it is tried as it is: what the loader says of it goes to the log.
        library: in_folder(place).unwrap_or_else(|| place.to_owned()),
        is_named: true,
    });
    let beside = program.and_then(Path::parent).and_then(in_folder);
    let by_name = [file_name(), format!("{}.1", file_name())].map(PathBuf::from);
    let usual = FOLDERS.iter().filter_map(|folder| in_folder(Path::new(folder)));
    let found = beside
        .into_iter()
        .chain(by_name)
        .chain(usual)
        .map(|library| Candidate { library, is_named: false });
    named.chain(found).collect()
}

fn file_name() -> String {
    format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}")
}

/// The library in a folder: by its plain name or, as wheels have it, with the version behind; of several the last.
fn in_folder(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join(file_name());
    if plain.is_file() {
        return Some(plain);
    }
    let with_version = format!("{}.", file_name());
    let files = folder.read_dir().ok()?.flatten().map(|entry| entry.path());
    files
        .filter(|path| {
            path.file_name()
                .and_then(OsStr::to_str)
                .is_some_and(|name| name.starts_with(&with_version))
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_named_comes_first_and_a_folder_is_looked_into() {
        let folder = std::env::temp_dir().join(format!("scorewire-library-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let versioned = folder.join(format!("{}.1.31.1", file_name()));
        fs::write(&versioned, "").unwrap();
        fs::write(folder.join("libonnxruntime_providers_shared.so"), "").unwrap();
        let program = folder.join("scorewire");

        let tried = candidates(Some(Path::new("/a/lib.so")), Some(folder.as_os_str()), Some(&program));
        let libraries: Vec<&Path> = tried.iter().map(|candidate| candidate.library.as_path()).collect();
        assert_eq!(libraries[..3], [Path::new("/a/lib.so"), &versioned, &versioned]);
        assert_eq!(libraries[3], Path::new(&file_name()));
        assert_eq!(
            tried.iter().map(|candidate| candidate.is_named).collect::<Vec<_>>()[..4],
            [true, true, false, false]
        );

        let plain = folder.join(file_name());
        fs::write(&plain, "").unwrap();
        assert_eq!(in_folder(&folder), Some(plain));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nothing_named_leaves_the_systems_loader() {
        let tried = candidates(None, Some(OsStr::new("")), None);
        assert_eq!(tried[0].library, Path::new(&file_name()));
        assert!(tried.iter().all(|candidate| !candidate.is_named));
    }
}
