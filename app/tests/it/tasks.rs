//! Everyday tasks in programs that ask, page, edit and redraw: each is driven to its end by a client that has nothing but
//! the tools and does what the replies name. What each cost is printed: calls, and tokens at four characters each.

#![expect(clippy::print_stdout, reason = "its table is read by people, beside the verdict")]

use std::fs;
use std::path::PathBuf;

use cotty_testkit::Sshd;
use cotty_testkit::not_run::{have, not_run};
use cotty_testkit::wait::until;
use serde_json::json;

use crate::desk::{Desk, Said, Spent};
use crate::drives::{INSTALL, SQL};

/// A task, the programs that it needs, and how it is done in a session with bash.
struct Task {
    name: &'static str,
    needs: &'static [&'static str],
    done: fn(&mut Desk),
}

const fn task(name: &'static str, needs: &'static [&'static str], done: fn(&mut Desk)) -> Task {
    Task { name, needs, done }
}

/// The session in which all is done.
const WEB: &str = "web1";

static TASKS: [Task; 24] = [
    task("vim: write a note and save it", &["vim"], write_in_vim),
    task("nano: the same", &["nano"], write_in_nano),
    task("less: search, read, leave", &["less"], search_in_less),
    task("more: a page on, leave", &["more"], page_in_more),
    task("git log in its pager", &["git", "less"], read_the_log),
    task("git commit in an editor", &["git", "vim"], commit_in_an_editor),
    task("git add -p: one change of two", &["git"], add_a_part),
    task("git rebase -i: squash", &["git", "vim"], squash),
    task("top: sort by memory, leave", &["top"], sort_in_top),
    task("htop: look, leave", &["htop"], look_in_htop),
    task("watch: look, leave", &["watch"], watch),
    task("tail -f: look, interrupt", &[], follow_a_file),
    task("an install's question, its default", &[], install),
    task("apt-get remove: no", &["apt-get"], remove_nothing),
    task("sqlite3: a table and a query", &["sqlite3"], query_sqlite),
    task("a mysql-like client: drop, confirm", &["python3"], drop_a_table),
    task("python: a loop of several lines", &["python3"], loop_in_python),
    task("pdb: step, look, go on", &["python3"], debug),
    task("read -p: confirm", &[], confirm),
    task("select: choose from a menu", &[], choose),
    task("press any key", &[], press_any_key),
    task("whiptail: choose No", &["whiptail"], say_no),
    task("a crontab-like edit, done again", &["vim"], edit_again),
    task("a new password, by a person", &[], set_a_password),
];

#[test]
fn everyday_tasks_are_driven_to_their_end_with_the_tools_alone() {
    let name = "everyday_tasks_are_driven_to_their_end_with_the_tools_alone";
    let tasks: Vec<&Task> = TASKS.iter().filter(|it| can_run(it, name)).collect();
    let (here, there) = std::thread::scope(|scope| {
        let there = scope
            .spawn(|| Sshd::start(name).map(|sshd| drive(Desk::over(&sshd), &tasks)).unwrap_or_default());
        let here = drive(Desk::new(), &tasks);
        (here, there.join().unwrap())
    });
    println!("| task | calls | tokens | calls over SSH | tokens over SSH |\n|---|---|---|---|---|");
    let tokens = |it: &Spent| it.chars.div_ceil(4);
    for (at, task) in tasks.iter().enumerate() {
        let there = there.get(at).copied().unwrap_or_default();
        let here = &here[at];
        println!(
            "| {} | {} | {} | {} | {} |",
            task.name,
            here.calls,
            tokens(here),
            there.calls,
            tokens(&there)
        );
        assert!(here.calls <= CALLS_MAX && tokens(here) <= TOKENS_MAX, "{}: {here:?}", task.name);
    }
}

/// No task here needs more calls …
const CALLS_MAX: usize = 12;
/// … or more tokens: two screens of a monitor are most of it.
const TOKENS_MAX: usize = 4_000;

fn can_run(task: &Task, test: &str) -> bool {
    let story = format!("{test}: {}", task.name);
    if task.needs == ["apt-get"] && !std::path::Path::new("/var/lib/dpkg/info/less.list").exists() {
        not_run(&story, "no package less to remove");
        return false;
    }
    task.needs.iter().all(|it| have(it, &story))
}

/// Does all tasks in one session, which answers rightly after each.
fn drive(mut desk: Desk, tasks: &[&Task]) -> Vec<Spent> {
    desk.open(WEB, "bash");
    let mut cost = |task: &&Task| {
        desk.spent = Spent::default();
        (task.done)(&mut desk);
        let spent = desk.spent;
        desk.is_exact(WEB);
        spent
    };
    tasks.iter().map(&mut cost).collect()
}

fn file(desk: &Desk, name: &str) -> PathBuf {
    desk.home.work().join(name)
}

fn content(desk: &Desk, name: &str) -> String {
    fs::read_to_string(file(desk, name)).unwrap_or_default()
}

fn run(desk: &mut Desk, command: &str) -> Said {
    desk.tool("ssh_run", json!({"session": WEB, "command": command}))
}

fn answer(desk: &mut Desk, text: &str) -> Said {
    desk.tool("ssh_send", json!({"session": WEB, "text": text}))
}

fn press(desk: &mut Desk, keys: &[&str]) -> Said {
    desk.tool("ssh_send", json!({"session": WEB, "keys": keys}))
}

/// Types without Enter, then presses keys.
fn write(desk: &mut Desk, text: &str, keys: &[&str]) -> Said {
    desk.tool("ssh_send", json!({"session": WEB, "text": text, "enter": "none", "keys": keys}))
}

/// Looks at the screen until this stands on it.
fn look_for(desk: &mut Desk, what: &str) -> Said {
    until(what, || {
        let screen = desk.tool("ssh_read", json!({"session": WEB, "view": "screen"}));
        Some(screen).filter(|it| it.text.contains(what))
    })
}

#[track_caller]
fn ends(said: &Said, exit: i32) {
    assert_eq!(said.exit(), Some(exit), "{said:?}");
}

fn write_in_vim(desk: &mut Desk) {
    run(desk, "vim -u NONE -i NONE note").needs("editor");
    write(desk, "ia note", &["esc"]).needs("editor");
    ends(&answer(desk, ":wq"), 0);
    assert_eq!(content(desk, "note"), "a note\n");
}

fn write_in_nano(desk: &mut Desk) {
    run(desk, "nano -I note2").needs("editor");
    write(desk, "a note", &["ctrl-o"]).needs("editor");
    ends(&press(desk, &["enter", "ctrl-x"]), 0);
    assert_eq!(content(desk, "note2"), "a note\n");
}

fn search_in_less(desk: &mut Desk) {
    run(desk, "seq -f 'line %g' 500 | less").needs("pager");
    answer(desk, "/line 444").needs("pager");
    look_for(desk, "line 444");
    ends(&press(desk, &["q"]), 0);
}

fn page_in_more(desk: &mut Desk) {
    run(desk, "seq 200 >lines; more lines").needs("pager");
    let said = press(desk, &["space"]);
    said.needs("pager");
    assert!(said.output().contains("\n70"), "{said:?}");
    ends(&press(desk, &["q"]), 0);
}

const GIT: &str = "git -c user.name=me -c user.email=me@example.org";

/// A repository with three commits, made without a call.
fn repository(desk: &Desk, name: &str) {
    let script = format!(
        "git init -q {name} && cd {name} && for n in 1 2 3; do seq 40 >f$n; git add . && {GIT} commit -qm \"commit $n\" || \
         exit; done"
    );
    let status = desk.home.program("sh").args(["-c", &script]).status().unwrap();
    assert!(status.success());
}

fn log_of(desk: &Desk, name: &str) -> String {
    let mut git = desk.home.program("git");
    let output = git.args(["-C", name, "--no-pager", "log", "--format=%s"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn read_the_log(desk: &mut Desk) {
    repository(desk, "logged");
    let said = run(desk, "git -C logged -c core.pager='less -+F -+X' log");
    said.needs("pager");
    assert!(said.output().contains("commit 3"), "{said:?}");
    ends(&press(desk, &["q"]), 0);
}

fn commit_in_an_editor(desk: &mut Desk) {
    repository(desk, "edited");
    run(desk, &format!("GIT_EDITOR='vim -u NONE -i NONE' {GIT} -C edited commit --allow-empty"))
        .needs("editor");
    write(desk, "ia fourth", &["esc"]).needs("editor");
    ends(&answer(desk, ":wq"), 0);
    assert!(log_of(desk, "edited").starts_with("a fourth\n"));
}

fn add_a_part(desk: &mut Desk) {
    repository(desk, "parted");
    let whole = content(desk, "parted/f1");
    fs::write(file(desk, "parted/f1"), format!("first\n{whole}last\n")).unwrap();
    let said = run(desk, "git -C parted add -p");
    assert!(said.state().starts_with("needs input ("), "{said:?}");
    assert!(said.output().contains("+first"), "{said:?}");
    let said = answer(desk, "y");
    assert!(said.output().contains("+last"), "{said:?}");
    ends(&answer(desk, "n"), 0);
    let staged = desk.home.program("git").args(["-C", "parted", "diff", "--cached"]).output().unwrap();
    let staged = String::from_utf8(staged.stdout).unwrap();
    assert!(staged.contains("+first") && !staged.contains("+last"), "{staged}");
}

fn squash(desk: &mut Desk) {
    repository(desk, "squashed");
    run(desk, &format!("GIT_EDITOR='vim -u NONE -i NONE' {GIT} -C squashed rebase -i HEAD~2"))
        .needs("editor");
    look_for(desk, "commit 3");
    // The second commit of the list goes into the first, and the editor opens again for their message.
    write(desk, "jcwsquash", &["esc"]).needs("editor");
    answer(desk, ":wq").needs("editor");
    ends(&answer(desk, ":wq"), 0);
    assert_eq!(log_of(desk, "squashed"), "commit 2\ncommit 1\n");
}

fn sort_in_top(desk: &mut Desk) {
    run(desk, "top").needs("full_screen");
    press(desk, &["M"]).needs("full_screen");
    look_for(desk, "%MEM");
    ends(&press(desk, &["q"]), 0);
}

fn look_in_htop(desk: &mut Desk) {
    run(desk, "htop").needs("full_screen");
    look_for(desk, "CPU%");
    ends(&press(desk, &["f10"]), 0);
}

fn watch(desk: &mut Desk) {
    let said =
        desk.tool("ssh_run", json!({"session": WEB, "command": "watch -n 60 echo watched", "wait_s": 1}));
    assert!(said.state().starts_with("running"), "{said:?}");
    look_for(desk, "Every 60.0s");
    let said = press(desk, &["ctrl-c"]);
    assert!(said.exit().is_some() || said.state().starts_with("interrupted"), "{said:?}");
}

fn follow_a_file(desk: &mut Desk) {
    fs::write(file(desk, "log"), "one\ntwo\n").unwrap();
    let said = desk.tool("ssh_run", json!({"session": WEB, "command": "tail -f log", "wait_s": 1}));
    assert!(said.state().starts_with("running") && said.output() == "one\ntwo", "{said:?}");
    let said = press(desk, &["ctrl-c"]);
    assert!(said.state().starts_with("interrupted by SIGINT"), "{said:?}");
}

fn install(desk: &mut Desk) {
    fs::write(file(desk, "install.sh"), INSTALL).unwrap();
    run(desk, "sh install.sh").needs("confirm");
    let said = press(desk, &["enter"]);
    ends(&said, 0);
    assert!(said.output().contains("Setting up hello"), "{said:?}");
}

/// The real question; were it answered wrongly nothing would be removed.
fn remove_nothing(desk: &mut Desk) {
    let apt = "apt-get -o Debug::NoLocking=1 -o Dir::Bin::dpkg=/bin/true remove less";
    let said = run(desk, apt);
    said.needs("confirm");
    assert!(said.output().contains("REMOVED"), "{said:?}");
    let said = answer(desk, "n");
    ends(&said, 1);
    assert!(said.output().contains("Abort"), "{said:?}");
}

fn query_sqlite(desk: &mut Desk) {
    run(desk, "sqlite3 -interactive data.db").needs("line");
    answer(desk, "create table t(x); insert into t values (6), (7);").needs("line");
    let said = answer(desk, "select sum(x) * 2 from t;");
    assert!(said.output().contains("26"), "{said:?}");
    ends(&answer(desk, ".quit"), 0);
}

fn drop_a_table(desk: &mut Desk) {
    fs::write(file(desk, "sql.py"), SQL).unwrap();
    run(desk, "python3 sql.py").needs("line");
    answer(desk, "drop table x;").needs("confirm");
    let said = answer(desk, "y");
    assert!(said.output().contains("dropped"), "{said:?}");
    ends(&answer(desk, "exit"), 4);
}

fn loop_in_python(desk: &mut Desk) {
    run(desk, "python3 -q").needs("line");
    let said = answer(desk, "for n in range(3):\n    print(n * 7)\n");
    said.needs("line");
    assert!(said.output().contains("\n14\n"), "{said:?}");
    ends(&answer(desk, "exit(5)"), 5);
}

fn debug(desk: &mut Desk) {
    fs::write(file(desk, "add.py"), "total = 0\nfor n in range(4):\n    total += n\nprint(total)\n").unwrap();
    run(desk, "python3 -m pdb add.py").needs("line");
    answer(desk, "until 4").needs("line");
    let said = answer(desk, "p total + 36");
    assert!(said.output().contains("42"), "{said:?}");
    let said = answer(desk, "q");
    assert!(said.exit().is_some(), "{said:?}");
}

fn confirm(desk: &mut Desk) {
    run(desk, "read -p 'Delete all of it? [y/N] ' sure; echo \"said-$sure\"").needs("confirm");
    let said = answer(desk, "y");
    ends(&said, 0);
    assert!(said.output().contains("said-y"), "{said:?}");
}

fn choose(desk: &mut Desk) {
    let said = run(desk, "select it in apples pears; do echo \"took-$it\"; break; done");
    said.needs("menu");
    assert!(said.output().contains("2) pears"), "{said:?}");
    let said = answer(desk, "2");
    ends(&said, 0);
    assert!(said.output().contains("took-pears"), "{said:?}");
}

fn press_any_key(desk: &mut Desk) {
    run(desk, "read -n1 -s -r -p 'Press any key to continue'; echo; (exit 3)").needs("press_key");
    ends(&press(desk, &["enter"]), 3);
}

fn say_no(desk: &mut Desk) {
    run(desk, "whiptail --yesno 'Shall it be?' 8 40").needs("full_screen");
    look_for(desk, "Shall it be?");
    ends(&press(desk, &["tab", "enter"]), 1);
}

/// As `crontab -e` does it: what is wrong may be edited once more.
fn edit_again(desk: &mut Desk) {
    let script = "#!/bin/sh\nwhile :; do vim -u NONE -i NONE table; grep -q '^[0-9*]' table && break\n\
                  printf 'errors in table\\nDo you want to retry the same edit? (y/n) '; read -r x; [ \"$x\" = y ] || exit 1\n\
                  done; echo installed\n";
    fs::write(file(desk, "edit.sh"), script).unwrap();
    run(desk, "sh edit.sh").needs("editor");
    write(desk, "ioops", &["esc"]).needs("editor");
    answer(desk, ":wq").needs("confirm");
    answer(desk, "y").needs("editor");
    write(desk, "cc* * * * * true", &["esc"]).needs("editor");
    let said = answer(desk, ":wq");
    ends(&said, 0);
    assert!(said.output().contains("installed"), "{said:?}");
}

fn set_a_password(desk: &mut Desk) {
    let asks =
        "sh -c 'stty -echo; printf \"New password: \"; read -r x; stty echo; echo; echo \"length ${#x}\"'";
    let said = run(desk, asks);
    said.needs("secret");
    assert!(said.head().contains("A person must type this: cotty attach web1"), "{said:?}");
    let person = desk.home.tty(&["attach", WEB]);
    person.wait_text("pen");
    person.line("hunter2");
    let said = desk.tool("ssh_wait", json!({"command": said.handle(), "until": "output"}));
    let said = if said.exit().is_some() { said } else { desk.wait(WEB) };
    ends(&said, 0);
    assert!(said.output().contains("length 7") && !said.text.contains("hunter2"), "{said:?}");
    drop(person);
}
