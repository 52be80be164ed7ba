//! A folder of the test's own, and times that it sets.

use super::*;

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("scorewire-cache-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Place(path)
    }

    fn folder(&self, bytes_max: u64, files_max: usize) -> Folder {
        let limits = Limits {
            bytes_max,
            files_max,
            answer_bytes_max: 1_000,
            ttl_us: 1_000_000,
        };
        let mut folder = Folder::new(self.0.clone(), limits);
        folder.look(Clock.wall_us());
        folder
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn key(nth: usize) -> Key {
    Key::new(&format!("k{nth}"))
}

#[test]
fn an_answer_outlives_who_kept_it() {
    let place = Place::new("outlives");
    let now_us = Clock.wall_us();
    let mut folder = place.folder(10_000, 10);
    assert_eq!(folder.get(&key(1), now_us).unwrap(), None);
    folder.put(&key(1), now_us - 5, b"one", now_us).unwrap();
    folder.put(&key(1), now_us - 4, b"another", now_us).unwrap();
    let mut folder = place.folder(10_000, 10);
    assert_eq!(folder.files.len(), 1);
    assert_eq!(
        folder.get(&key(1), now_us).unwrap(),
        Some((now_us - 4, Bytes::from_static(b"another")))
    );
    assert_eq!(folder.get(&key(2), now_us).unwrap(), None);
}

#[test]
fn it_keeps_to_its_bytes_files_and_time() {
    let place = Place::new("bounds");
    let now_us = Clock.wall_us();
    let mut folder = place.folder(10_000, 5);
    for nth in 0..20 {
        folder.put(&key(nth), now_us, b"x", now_us + nth as i64).unwrap();
    }
    assert_eq!(place.names().len(), 5);
    assert!(folder.get(&key(15), now_us).unwrap().is_some() && folder.get(&key(14), now_us).unwrap().is_none());
    for nth in 20..40 {
        folder.put(&key(nth), now_us, &[0; 900], now_us + nth as i64).unwrap();
        assert!(folder.bytes <= 10_000);
    }
    // What others put there is seen at the next look, and counts.
    let mut other = place.folder(100_000, 100);
    for nth in 40..60 {
        other.put(&key(nth), now_us, &[0; 900], now_us).unwrap();
    }
    folder.look(now_us);
    assert_eq!(place.names().len(), folder.files.len());
    assert!(folder.files.len() <= 5);
    // All that is there is too old by then.
    folder.make_room(Clock.wall_us() + 2_000_000);
    assert_eq!((place.names().len(), folder.bytes), (0, 0));
}

#[test]
fn rubbish_is_told_once_and_goes() {
    let place = Place::new("rubbish");
    let now_us = Clock.wall_us();
    let mut folder = place.folder(10_000, 10);
    folder.put(&key(1), now_us, b"one", now_us).unwrap();
    let file = folder.place(key(1).name());
    for rubbish in [&b""[..], b"rubbish", &[0; 100_000]] {
        fs::write(&file, rubbish).unwrap();
        assert!(folder.get(&key(1), now_us).is_err());
        assert_eq!(folder.get(&key(1), now_us).unwrap(), None);
    }
    // Another key's answer under this one's name; one from what is to come.
    folder.put(&key(2), now_us, b"two", now_us).unwrap();
    fs::rename(folder.place(key(2).name()), &file).unwrap();
    assert!(folder.get(&key(1), now_us).is_err());
    folder.put(&key(1), now_us + 1, b"one", now_us).unwrap();
    assert!(folder.get(&key(1), now_us).is_err());
    assert_eq!(folder.get(&key(1), now_us).unwrap(), None);
    // A folder in a file's place can't be read, nor written over, and nothing is left half written.
    fs::create_dir(&file).unwrap();
    assert!(folder.get(&key(1), now_us).is_err());
    assert!(folder.put(&key(1), now_us, b"one", now_us).is_err());
    assert!(place.names().iter().all(|name| !name.ends_with(".half")), "{:?}", place.names());
}

#[test]
fn what_is_not_its_own_is_left_alone() {
    let place = Place::new("others");
    let now_us = Clock.wall_us();
    let mut folder = place.folder(10_000, 1);
    folder.put(&key(1), now_us, b"one", now_us).unwrap();
    fs::write(place.0.join("notes.answer"), "mine").unwrap();
    fs::write(place.0.join("notes.half"), "mine").unwrap();
    let half = format!("{}.1.half", key(3).name());
    fs::write(place.0.join(&half), "torn").unwrap();
    let later_us = now_us + 2 * LEFT_BEHIND_US;
    folder.look(later_us);
    let mut names = place.names();
    names.sort();
    assert_eq!(names, ["notes.answer", "notes.half"]);
}

#[test]
fn a_folder_that_cannot_be_made_costs_no_more_than_its_answers() {
    let place = Place::new("no-folder");
    fs::write(&place.0, "a file").unwrap();
    let now_us = Clock.wall_us();
    let mut folder = place.folder(10_000, 10);
    assert!(folder.put(&key(1), now_us, b"one", now_us).is_err());
    assert!(folder.get(&key(1), now_us).is_err());
    fs::remove_file(&place.0).unwrap();
    folder.put(&key(1), now_us, b"one", now_us).unwrap();
    assert!(folder.get(&key(1), now_us).unwrap().is_some());
}
