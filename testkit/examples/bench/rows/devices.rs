//! Rows about the hosts that the config names: listing many, and finding out what one is.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use cotty_testkit::Home;
use cotty_testkit::pairs::{PAIRS_MIN, Pairs};

use super::scene::timed;

/// So many are more than most people have.
const DEVICES: usize = 100;

/// A home whose config names them, and whose daemon runs.
fn home() -> Home {
    let home = Home::new();
    let mut config = String::from("[defaults]\nuser = \"me\"\n[groups.eu]\nport = 2222\n");
    for number in 0..DEVICES {
        let device = format!(
            "[devices.d{number}]\ngroup = \"eu\"\nhost = \"10.0.0.{number}\"\ntags = [\"t{number}\"]\n"
        );
        config.push_str(&device);
    }
    home.write_config(&config);
    assert!(home.run(&["device", "list"]).status.success());
    home
}

/// Devices checked and listed, each by a process of its own: `true` twice, and `config check` with `device list`.
pub fn list() -> Pairs {
    let home = home();
    let run = |command: &mut Command| assert!(command.output().expect("a program").status.success());
    Pairs::measure(
        PAIRS_MIN,
        || timed(|| (0..2).for_each(|_| run(&mut home.program("true")))),
        || {
            timed(|| {
                run(&mut home.cotty(&["config", "check"]));
                run(&mut home.cotty(&["device", "list"]));
            })
        },
    )
}

/// One name resolved: `ssh -G`, and a `device test` of a port where nobody is, less the same where ssh has been asked
/// before.
pub fn resolve() -> Pairs {
    let home = home();
    let ssh = home.path().join("account/.ssh");
    fs::create_dir_all(&ssh).expect("a folder for ssh");
    let config = ssh.join("config");
    let write = |count: usize| {
        let mut text = String::new();
        for number in 0..DEVICES {
            writeln!(text, "Host d{number}\n  ConnectTimeout {}", 1 + count % 60).expect("text");
        }
        fs::write(&config, text + "Host *\n  HostName 127.0.0.1\n").expect("ssh's config");
    };
    let mut count = 0;
    write(count);
    let test = || {
        let output = home.cotty(&["device", "test", "d7", "--json"]).output().expect("cotty");
        assert_eq!(output.status.code(), Some(69), "{output:?}");
    };
    Pairs::measure(
        PAIRS_MIN,
        || {
            let config = config.display().to_string();
            timed(|| {
                let mut asked = Command::new("ssh");
                asked.args(["-G", "-F", &config, "-o", "User=me", "-o", "Port=2222", "--", "10.0.0.7"]);
                assert!(asked.output().expect("ssh").status.success());
            })
        },
        || {
            count += 1;
            // What ssh said is kept until a file changes.
            write(count);
            let first = timed(test);
            let again = timed(test);
            (first - again).max(0.0)
        },
    )
}
