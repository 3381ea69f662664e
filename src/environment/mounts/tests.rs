use std::os::unix::fs::symlink;

use super::*;

fn facts(prefix: &Path, base: &Path, executable: &Path) -> Facts {
    Facts {
        implementation: "cpython".to_owned(),
        version: "3.11.7".to_owned(),
        executable: executable.to_owned(),
        base_executable: executable.to_owned(),
        prefixes: vec![prefix.to_owned(), base.to_owned()],
        folders: vec![base.join("lib/python3.11")],
        path: vec![],
        libraries: vec![],
        packages: vec![],
        missing: vec![],
    }
}

fn tree() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(dir.path()).unwrap();
    for folder in [
        "home/u/venv/bin",
        "home/u/bin",
        "home/u/run",
        "py/3.11/bin",
        "py/3.11/lib",
    ] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("py/3.11/bin/python3.11"), "").unwrap();
    (dir, root)
}

fn guard(root: &Path) -> Guard {
    Guard::new(vec![root.join("home/u")], &[root.join("home/u/run")])
}

#[test]
fn a_virtual_environment_shows_itself_and_its_base_only() {
    let (_dir, root) = tree();
    let python = root.join("home/u/venv/bin/python");
    symlink(root.join("py/3.11/bin/python3.11"), &python).unwrap();
    let facts = facts(&root.join("home/u/venv"), &root.join("py/3.11"), &python);
    let mounts = plan(&facts, &guard(&root)).unwrap();
    let expected = [root.join("home/u/venv"), root.join("py/3.11")].map(Mount::same);
    assert_eq!(mounts, expected);
}

#[test]
fn an_installation_of_the_system_needs_nothing() {
    let facts = facts(
        Path::new("/usr"),
        Path::new("/usr"),
        Path::new("/usr/bin/env"),
    );
    assert_eq!(plan(&facts, &Guard::default()).unwrap(), []);
}

#[test]
fn aliases_of_an_installation_are_shown_under_both_names() {
    let (_dir, root) = tree();
    symlink(root.join("py/3.11"), root.join("py/alias")).unwrap();
    let python = root.join("home/u/venv/bin/python");
    symlink(root.join("py/alias/bin/python3.11"), &python).unwrap();
    let facts = facts(&root.join("home/u/venv"), &root.join("py/3.11"), &python);
    let mounts = plan(&facts, &guard(&root)).unwrap();
    assert!(mounts.contains(&Mount {
        source: root.join("py/3.11"),
        target: root.join("py/alias"),
    }));
}

#[test]
fn a_link_in_a_home_folder_shows_the_file_and_not_the_folder() {
    let (_dir, root) = tree();
    let link = root.join("home/u/bin/python3.11");
    symlink(root.join("py/3.11/bin/python3.11"), &link).unwrap();
    let python = root.join("home/u/venv/bin/python");
    symlink(&link, &python).unwrap();
    let facts = facts(&root.join("home/u/venv"), &root.join("py/3.11"), &python);
    let mounts = plan(&facts, &guard(&root)).unwrap();
    assert!(mounts.contains(&Mount {
        source: root.join("py/3.11/bin/python3.11"),
        target: link,
    }));
    assert!(!mounts.iter().any(|m| m.source == root.join("home/u/bin")));
}

#[test]
fn folders_that_must_stay_hidden_are_refused() {
    let (_dir, root) = tree();
    let guard = guard(&root);
    let python = root.join("py/3.11/bin/python3.11");
    for (folder, why) in [
        (root.join("home/u"), "is a home folder"),
        (root.join("home"), "holds the home folder"),
        (root.join("home/u/run"), "holds"),
        (PathBuf::from("/"), "is the whole file system"),
        (PathBuf::from("/tmp"), "is a folder of the system"),
        (PathBuf::from("/etc"), "is a folder of the system"),
        (PathBuf::from("/proc/self"), "is part of /proc"),
    ] {
        let facts = facts(&folder, &root.join("py/3.11"), &python);
        let error = plan(&facts, &guard).unwrap_err().to_string();
        assert!(error.contains(why), "{}: {error}", folder.display());
    }
}

#[test]
fn search_paths_and_libraries_elsewhere_are_shown_unless_hidden() {
    let (_dir, root) = tree();
    fs::create_dir_all(root.join("extra")).unwrap();
    fs::create_dir_all(root.join("ssl/lib")).unwrap();
    let python = root.join("py/3.11/bin/python3.11");
    let mut facts = facts(&root.join("py/3.11"), &root.join("py/3.11"), &python);
    facts.path = vec![root.join("extra"), root.join("home/u"), root.join("absent")];
    facts.libraries = vec![
        root.join("ssl/lib/libssl.so.3"),
        PathBuf::from("/usr/lib/libc.so.6"),
    ];
    let mounts = plan(&facts, &guard(&root)).unwrap();
    let expected = [
        root.join("extra"),
        root.join("py/3.11"),
        root.join("ssl/lib"),
    ];
    assert_eq!(mounts, expected.map(Mount::same));
}
