//! The config file, and what is said where it is wrong.

use cotty_testkit::home::Home;

#[test]
fn an_unknown_key_stops_the_daemon_and_names_line_and_remedy() {
    let home = Home::new();
    home.write_config("[session]\n\nshel = \"bash\"\n");
    for order in [&["config", "check"][..], &["ls"], &["up"]] {
        let output = home.run(order);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{order:?}: {text}");
        assert!(text.contains("config.toml:3: there is no key session.shel"), "{text}");
        assert!(text.contains("Write session.shell"), "{text}");
    }
}

#[test]
fn a_config_that_breaks_under_a_daemon_stops_nobody_and_is_told() {
    let home = Home::new();
    home.write_config("pass_env = [\"COLOUR\"]\n");
    assert!(home.run(&["up", "web1"]).status.success());
    home.write_config("pass_env = [\"COLOUR\"]\ncolour = 3\n");
    let mut up = home.cotty(&["up", "web2"]);
    let output = up.env("COLOUR", "blue").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("what it said before holds") && text.contains("config.toml:2"), "{text}");
    let output = home.run(&["run", "web2", "--", "echo $COLOUR"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "blue");
    // An agent that comes now is as little stopped.
    let mut agent = home.mcp();
    agent.initialize();
    let said = agent.call("ssh_run", serde_json::json!({"session": "web1", "command": "exit 3"}));
    assert!(!said.is_error, "{}", said.text);
    // A look at the file itself says that it is wrong, and no daemon begins with it.
    assert_eq!(home.run(&["config", "check"]).status.code(), Some(78));
    assert_eq!(home.run_as_person(&["stop"]).0, Some(0));
    let output = home.run(&["up", "web3"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(78) && text.matches("config.toml:2").count() == 1, "{text}");
}

#[test]
fn what_it_says_holds() {
    let home = Home::new();
    home.write_config("[session]\ncols = 99\nrows = 33\nlabel = \"mine\"\n");
    let output = home.run(&["up", "web1", "--json"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(r#""cols":99,"rows":33"#) && text.contains(r#""label":"mine""#), "{text}");
    let shown = home.run(&["config", "show"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("cols = 99"));
}

#[test]
fn a_host_in_the_environment_is_checked_before_a_daemon_starts() {
    for (variable, value, kind) in [
        ("COTTY_PORT", "22", "environment-missing"),
        ("COTTY_HOST", "-oProxyCommand=x", "config-error"),
        ("COTTY_HOST", "web1 id", "config-error"),
    ] {
        let home = Home::new();
        let output = home.cotty(&["ls", "--json"]).env(variable, value).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(78), "{text}");
        assert!(text.contains(kind) && text.contains("COTTY_HOST"), "{text}");
        assert!(!home.state().join("daemon.json").exists());
    }
}
