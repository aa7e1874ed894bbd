//! What is seen of a shell on a host without `/proc`: a real server whose sessions see none, and a `ps` and an `fstat` that
//! stand in for those of the BSDs. They read the real process table from elsewhere, and know only what the manuals of FreeBSD,
//! OpenBSD and macOS have in common.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cotty_core::dialect::Shell;
use cotty_core::facts::Facts;
use cotty_core::names::{Boundary, InputKind};
use cotty_core::probe::{Front, Judged, Surroundings, judge};
use cotty_host::holder::frame::{Event, Order, SignalTo};
use cotty_testkit::{Sshd, have};

use super::{client, connect, settings};
use crate::world::{Client, block_on};

const PS: &str = r#"#!/bin/sh
for word do
  case $word in
    -axww | -ww | -o | -p | [1-9]*) ;;
    pid= | ppid= | pgid= | tpgid= | uid= | stat= | tty= | wchan= | lstart= | ucomm= | args=) ;;
    *) echo "ps: $word" >&2; exit 1 ;;
  esac
  shift
  [ "$word" = wchan= ] && word=wchan:20=
  set -- "$@" "$word"
done
unshare -m sh -c 'mount -n --bind HERE/proc /proc && exec /usr/bin/ps "$@"' sh "$@" | case $* in
  *args*) cat ;;
  *) awk '{
      sub(/^S/, "I", $6); if ($7 == "?") $7 = "-"
      if ($8 ~ /^(wait_woken|n_tty_read)$/) $8 = "ttyin"; else if ($8 ~ /poll|select/) $8 = "select"
      print
    }' ;;
esac
"#;

const FSTAT: &str = r#"#!/bin/sh
[ "$1" = -p ] || exit 1
echo "USER     CMD          PID   FD MOUNT      INUM MODE         SZ|DV R/W"
ls -l "HERE/proc/$2/fd" | awk -v pid="$2" '/->/ {
  if ($NF ~ /^\/dev\//) print "root a name", pid, $(NF - 2), "/dev 98 crw--w----", substr($NF, 6), "rw"
  else if ($NF ~ /^socket/) print "root a name", pid, $(NF - 2) "* internet stream tcp fffff"
  else print "root a name", pid, $(NF - 2), "/ 7 -rw-r--r-- 12 r"
}'
"#;

const NO_PROC: &str = "mkdir {folder}/proc\nmount --bind /proc {folder}/proc\nmount -t tmpfs none /proc";

fn story(test: &str, ps: &str, story: impl AsyncFnOnce(Client)) {
    let path = "SetEnv PATH={folder}/bin:/usr/bin:/bin";
    let before = format!("{NO_PROC}\nmkdir {{folder}}/bin");
    let Some(sshd) = Sshd::start_in_namespace(test, path, &before) else { return };
    for (name, text) in [("ps", ps), ("fstat", FSTAT)] {
        let here = sshd.file("");
        let text = text.replace("HERE", here.to_str().unwrap().trim_end_matches('/'));
        let file = sshd.write(&format!("bin/{name}"), &text);
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let scratch = tempfile::tempdir().unwrap();
    block_on(async {
        let connection = connect(&settings(&sshd)).await.unwrap();
        let mut shell = client(&connection, &scratch).await;
        shell.send("ls /proc/self 2>/dev/null || echo no\"\"thing there\r").await;
        shell.expect("nothing there").await;
        story(shell).await;
    });
}

fn judged(facts: &Facts) -> (Judged, Boundary) {
    let around = Surroundings {
        front: Front::Own,
        shell: Shell::Bash,
        executable: None,
        more_wanted: false,
        unanswered: false,
        addressed: false,
        held: false,
    };
    judge(facts, &around)
}

async fn claim(shell: &mut Client, command: &str, expected: Judged) -> Facts {
    if !command.is_empty() {
        shell.send(command).await;
    }
    let what = format!("{command:?} is {expected:?}");
    shell.facts(&what, |it| judged(it) == (expected.clone(), Boundary::Probed)).await
}

#[test]
fn on_a_host_without_proc_ps_tells_what_a_program_waits_for() {
    let test = "on_a_host_without_proc_ps_tells_what_a_program_waits_for";
    if !have("less", test) || !have("script", test) {
        return;
    }
    story(test, PS, async |mut shell| {
        let facts = claim(&mut shell, "", Judged::AtShell).await;
        assert_eq!(facts.shell.comm, "bash");
        let facts = claim(&mut shell, "cat\r", Judged::Waits(InputKind::Line)).await;
        assert_eq!(facts.members[0].argv, ["cat"]);
        let secret = "\x04bash -c 'read -s x; echo got'\r";
        claim(&mut shell, secret, Judged::Waits(InputKind::Secret)).await;
        claim(&mut shell, "\rseq 99999 | less\r", Judged::Waits(InputKind::Pager)).await;
        // What stands behind another terminal is not looked at, and what works or waits elsewhere is not said to read.
        claim(&mut shell, "qscript -qc cat /dev/null\r", Judged::Running { because: Some("opaque") }).await;
        claim(&mut shell, "\x04", Judged::AtShell).await;
        let facts = claim(&mut shell, "sleep 1000\r", Judged::Running { because: Some("unseen") }).await;
        assert_eq!(facts.members[0].program.comm, "sleep");
        shell.tell(Order::Processes).await;
        let listed =
            shell.until(|it| if let Event::Processes(it) = it { Some(it.clone()) } else { None }).await;
        assert_eq!(listed.iter().map(|it| it.argv.join(" ")).collect::<Vec<_>>(), ["sleep 1000"]);
        assert!(listed[0].age.as_secs() < 600, "{listed:?}");
        shell.tell(Order::Signal { to: SignalTo::Foreground, signal: 15 }).await;
        shell.expect("Terminated").await;
        claim(&mut shell, "", Judged::AtShell).await;
    });
}

#[test]
fn without_proc_and_without_ps_nothing_is_guessed() {
    story("without_proc_and_without_ps_nothing_is_guessed", "#!/bin/sh\nexit 1\n", async |mut shell| {
        shell.send("cat\r").await;
        let facts = shell.facts("an answer", |_| true).await;
        assert!(facts.shell.pid != 0 && facts.members.is_empty() && facts.foreground == 0);
        assert_eq!(judged(&facts).0, Judged::Running { because: None });
    });
}
