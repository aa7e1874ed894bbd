//! The file of a project, `.cotty.toml`: found from where a caller stands, and read as what it is: somebody else's words,
//! until a person has allowed them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cotty_engine::hosts::device::Targets;
use cotty_engine::hosts::workspace::{Hide, Workspace};
use sha2::{Digest, Sha256};

use super::owned::{self, Links, Untaken};
use super::written::Written;
use super::written::project::Project;

/// How it is called.
pub(crate) const NAME: &str = ".cotty.toml";

/// What marks the root of a repository.
const ROOT: &str = ".git";

/// Nobody stands deeper.
const DEPTH_MAX: usize = 64;

/// No such file is longer.
const BYTES_MAX: u64 = 64 * 1024;

/// A project's file, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where.
    pub(crate) path: PathBuf,
    /// Its text, or why it is not read.
    pub(crate) text: Result<String, String>,
}

impl Found {
    /// What names this very content.
    pub(crate) fn sha256(&self) -> String {
        let text = self.text.as_deref().unwrap_or_default();
        Sha256::digest(text.as_bytes()).iter().map(|it| format!("{it:02x}")).collect()
    }
}

/// Finds the file that holds for a directory: in it, or in one above, up to the root of the repository. Outside of a
/// repository only that of the directory itself counts.
pub(crate) fn find(directory: &Path) -> Option<Found> {
    if !directory.is_absolute() {
        return None;
    }
    let above: Vec<&Path> = directory.ancestors().take(DEPTH_MAX).collect();
    let root = above.iter().position(|it| it.join(ROOT).symlink_metadata().is_ok()).unwrap_or(0);
    let path = above[..=root].iter().map(|it| it.join(NAME)).find(|it| it.symlink_metadata().is_ok())?;
    let text = read(&path);
    Some(Found { path, text })
}

/// Reads what is this account's own. No link is followed.
fn read(path: &Path) -> Result<String, String> {
    let taken = owned::take(path, BYTES_MAX, Links::Refused, owned::not_ours);
    let taken = taken.map_err(|untaken| match untaken {
        Untaken::Link => "it is a link".to_owned(),
        Untaken::NotThere => "it is gone".to_owned(),
        Untaken::Failed(error) => format!("it cannot be read: {error}"),
        Untaken::NoFile => "it is no file of at most 64 KiB".to_owned(),
        Untaken::Others(why) => format!("it {why}"),
    })?;
    let text = std::str::from_utf8(&taken.bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    Ok(text.to_owned())
}

/// Makes of a file what holds: all of it where a person has allowed it as it is, else what narrows.
pub(crate) fn holds(found: &Found, is_allowed: bool) -> Workspace {
    let path = found.path.clone();
    let shown = path.display();
    let nothing = |why: String| Workspace { path: path.clone(), note: Some(why), ..Workspace::default() };
    let text = match &found.text {
        Ok(text) => text,
        Err(why) => return nothing(format!("nothing of {shown} holds: {why}")),
    };
    let project = match Project::parse(text) {
        Ok(project) => project,
        Err(wrong) => {
            return nothing(format!("nothing of {shown} holds: line {}: {}", wrong.line, wrong.what));
        }
    };
    let mut workspace = narrows(path.clone(), &project);
    if project.more.is_empty() {
        return workspace;
    }
    match is_allowed.then(|| own(text)) {
        Some(Ok(own)) => workspace.devices = own.devices(),
        Some(Err(why)) => workspace.note = Some(format!("what {shown} says of devices does not hold: {why}")),
        None => {
            workspace.note = Some(format!(
                "{shown} says more than a project may of itself ({}): that holds once a person has run cotty config allow there, and read it before",
                project.more.join(", ")
            ));
        }
    }
    workspace
}

fn narrows(path: PathBuf, project: &Project) -> Workspace {
    let Project { targets, hide, show, idle_timeout, .. } = project.clone();
    let (targets, idle_timeout): (Option<Targets>, Option<Duration>) = (targets, idle_timeout);
    let show: Option<BTreeSet<String>> = show;
    let hide: Hide = hide;
    Workspace { path, targets, hide, show, idle_timeout, ..Workspace::default() }
}

/// Reads what a person has to allow.
///
/// # Errors
///
/// Says what is wrong with it.
pub(crate) fn own(text: &str) -> Result<Written, String> {
    let written = Written::parse_project(text).map_err(|it| format!("line {}: {}", it.line, it.what))?;
    if let Some((device, group)) = written.groupless() {
        return Err(format!("the device {device} is in the group {group}, which is not there"));
    }
    let devices = written.devices();
    let asks = devices.iter().find(|(_, it)| it.variables().next().is_some());
    if let Some((device, _)) = asks {
        return Err(format!(
            "the device {device} wants variables of its callers, which is the config's to say"
        ));
    }
    if let Some((device, _)) = devices.iter().find(|(_, it)| it.defaults.default == Some(true)) {
        return Err(format!("the device {device} wants to be the default, which is the config's to say"));
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_looked_for_up_to_the_root_of_the_repository_and_no_further() {
        let scratch = tempfile::tempdir().unwrap();
        let top = scratch.path().canonicalize().unwrap();
        let deep = top.join("repo/a/b");
        fs::create_dir_all(&deep).unwrap();
        let found = |at: &Path| find(at).map(|it| it.path.strip_prefix(&top).unwrap().display().to_string());
        fs::write(top.join(NAME), "").unwrap();
        assert_eq!(found(&deep), None);
        assert_eq!(found(&top).as_deref(), Some(".cotty.toml"));
        fs::create_dir(top.join("repo/.git")).unwrap();
        assert_eq!(found(&deep), None);
        fs::write(top.join("repo/.cotty.toml"), "").unwrap();
        assert_eq!(found(&deep).as_deref(), Some("repo/.cotty.toml"));
        fs::write(deep.join(NAME), "").unwrap();
        assert_eq!(found(&deep).as_deref(), Some("repo/a/b/.cotty.toml"));
        assert_eq!(find(Path::new("repo")), None);
    }

    #[test]
    fn a_link_and_what_others_may_write_is_not_read() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join(NAME);
        fs::write(&file, "targets = \"configured\"\n").unwrap();
        assert!(find(scratch.path()).unwrap().text.is_ok());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(find(scratch.path()).unwrap().text.unwrap_err().contains("written by others"));
        fs::rename(&file, scratch.path().join("other")).unwrap();
        std::os::unix::fs::symlink("other", &file).unwrap();
        let found = find(scratch.path()).unwrap();
        assert_eq!(found.text, Err("it is a link".to_owned()));
        let workspace = holds(&found, true);
        assert!(workspace.targets.is_none() && workspace.note.unwrap().contains("nothing of"));
    }

    #[test]
    fn of_itself_it_narrows_and_the_rest_waits_for_a_person() {
        let text = "targets = \"configured\"\nhide = [\"shop\"]\nshow = [\"shop\"]\nidle_timeout = \"10m\"\nlisten = \"off\"\n\
                    [devices.evil]\noptions = { ProxyCommand = \"touch x\" }\n";
        let found = Found { path: "/p/.cotty.toml".into(), text: Ok(text.to_owned()) };
        let workspace = holds(&found, false);
        assert_eq!(workspace.targets, Some(Targets::Configured));
        assert_eq!(workspace.idle_timeout, Some(Duration::from_secs(600)));
        assert!(workspace.devices.is_empty());
        let note = workspace.note.unwrap();
        assert!(note.contains("devices, listen") && !note.contains("evil"), "{note}");
        // What no project says is not said by one that is allowed either.
        assert!(holds(&found, true).note.unwrap().contains("there is no key listen"));
        let text = text.replace("listen = \"off\"\n", "");
        let workspace = holds(&Found { text: Ok(text), ..found.clone() }, true);
        assert!(workspace.devices.contains_key("evil") && workspace.note.is_none());
        for text in ["targets = 3\n", "[devices\n", "idle_timeout = \"off\"\n", "hide = \"x\"\n"] {
            let workspace = holds(&Found { text: Ok(text.to_owned()), ..found.clone() }, true);
            assert!(workspace.note.unwrap().contains("nothing of"), "{text}");
        }
        for text in [
            "[devices.a.auth]\npassword_env = \"P\"\n",
            "[devices.a]\npass_env = [\"P\"]\n",
            "[devices.a]\ndefault = true\n",
        ] {
            assert!(own(text).is_err(), "{text}");
        }
    }
}
