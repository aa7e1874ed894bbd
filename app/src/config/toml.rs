//! The config as a file that says everything.

use std::collections::BTreeMap;
use std::time::Duration;

use cotty_engine::hosts::device::{Auth, Device, Keep, NewKeys, SecretFrom};

use super::Config;

impl Config {
    /// Writes it as a config file that says everything.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let line = |name: &str, value: Option<&String>| match value {
            Some(value) => format!("{name} = {}\n", quoted(value)),
            None => format!("# {name} is not set\n"),
        };
        let idle = time(self.session.idle_timeout);
        let pass: Vec<String> = self.pass_env.iter().map(|it| quoted(it)).collect();
        [
            line("default", self.default.as_ref()),
            format!("pass_env = [{}]\ntargets = \"{}\"\n", pass.join(", "), self.targets),
            // What included files say stands here already.
            self.include.iter().map(|it| format!("# include {}\n", it.display())).collect(),
            format!("listen = \"{}\"\n", self.listen),
            line("agent_socket", self.agent_socket.as_ref().map(|it| it.display().to_string()).as_ref()),
            "\n[session]\n".to_owned(),
            line("shell", self.session.shell.as_ref()),
            line("term", Some(&self.session.term)),
            format!("cols = {}\nrows = {}\n", self.session.cols, self.session.rows),
            line("idle_timeout", Some(&idle)),
            line("park_drafts", Some(&time(self.session.park_drafts))),
            line("label", self.session.label.as_ref()),
            line("startup", self.session.startup.as_ref()),
            format!("\n[limits]\nsessions_max = {}\n", self.limits.sessions_max),
            format!("quota_mib = {}\n", self.limits.quota_bytes / (1024 * 1024)),
            format!("\n[timeouts]\nconnect = \"{}s\"\n", self.timeouts.connect.as_secs()),
            format!("handshake = \"{}s\"\n", self.timeouts.handshake.as_secs()),
            format!("authentication = \"{}s\"\n", self.timeouts.authentication.as_secs()),
            format!(
                "\n[ssh]\nengine = \"{}\"\n{}{}",
                self.engine.word(),
                line("config", self.ssh_config.as_ref().map(|it| it.display().to_string()).as_ref()),
                line("path", Some(&self.ssh_path))
            ),
            self.ssh_program
                .iter()
                .map(|it| format!("\n[programs]\nssh = {}\n", quoted(&it.display().to_string())))
                .collect(),
            self.groups.iter().map(|it| format!("\n[groups.{}]\n", quoted(it))).collect(),
            self.devices.iter().map(|(name, it)| device(name, it)).collect(),
        ]
        .concat()
    }
}

fn device(name: &str, device: &Device) -> String {
    let (own, connection) = name.split_once('/').map_or((name, None), |(own, it)| (own, Some(it)));
    let connection = connection.map_or(String::new(), |it| format!(".connections.{}", quoted(it)));
    let is_connection = !connection.is_empty();
    let mut lines = format!("\n[devices.{}{connection}]\n", quoted(own));
    let mut say = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            lines += &format!("{key} = {value}\n");
        }
    };
    let text = |it: &Option<String>| it.as_deref().map(quoted);
    let defaults = &device.defaults;
    say("group", text(&device.group).filter(|_| !is_connection));
    say("host", text(&device.host));
    say("port", device.port.map(|it| it.to_string()));
    say("user", text(&device.user));
    say("forward_agent", Some(device.forward_agent.to_string()));
    say("engine", device.engine.map(|it| quoted(it.word())));
    say("legacy", Some(device.legacy.to_string()));
    say("hide", Some(device.hide.to_string()));
    say("known_hosts", device.known_hosts.as_ref().map(|it| quoted(&it.display().to_string())));
    say("strict_host_keys", device.new_keys.map(|it| quoted(new_keys(it))));
    say("pass_env", list(&device.pass_env));
    say("options", options(device));
    say("term", text(&defaults.term));
    say("cols", defaults.cols.map(|it| it.to_string()));
    say("rows", defaults.rows.map(|it| it.to_string()));
    say("idle_timeout", defaults.idle_timeout.map(|it| quoted(&time(it))));
    say("label", text(&defaults.label));
    say("tags", list(&device.tags));
    say("startup", text(&defaults.startup));
    say("default", defaults.default.map(|it| it.to_string()));
    say("auth", device.auth.as_ref().map(auth));
    lines
}

fn list(words: &[String]) -> Option<String> {
    let words: Vec<String> = words.iter().map(|it| quoted(it)).collect();
    (!words.is_empty()).then(|| format!("[{}]", words.join(", ")))
}

fn new_keys(new_keys: NewKeys) -> &'static str {
    match new_keys {
        NewKeys::Asked => "yes",
        NewKeys::Taken => "accept-new",
    }
}

/// Each word once, with its values in their order.
fn options(device: &Device) -> Option<String> {
    let mut words: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (word, value) in &device.options {
        words.entry(word).or_default().push(value.clone());
    }
    let said = words.iter().filter_map(|(word, values)| Some(format!("{word} = {}", list(values)?)));
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| format!("{{ {} }}", said.join(", ")))
}

fn auth(auth: &Auth) -> String {
    let path = |it: &std::path::Path| quoted(&it.display().to_string());
    let secret = |what: &str, from: Option<&SecretFrom>| {
        // What is in no file is in no config either.
        from.filter(|it| !matches!(it, SecretFrom::Environment { .. })).map(|it| match it {
            SecretFrom::Variable(name) | SecretFrom::Environment { variable: name, .. } => {
                format!("{what}_env = {}", quoted(name))
            }
            SecretFrom::File(file) => format!("{what}_file = {}", path(file)),
            SecretFrom::Command(argv) => {
                let words: Vec<String> = argv.iter().map(|it| quoted(it)).collect();
                format!("{what}_command = [{}]", words.join(", "))
            }
            SecretFrom::Keyring(tool) if tool.is_absolute() => format!("{what}_keyring = {}", path(tool)),
            SecretFrom::Keyring(_) => format!("{what}_keyring = true"),
        })
    };
    let key = auth.key.as_deref().map(|it| format!("key = {}", path(it)));
    let keep = (auth.keep == Keep::Never).then(|| "keep_for_reconnect = \"never\"".to_owned());
    let said = [
        keep,
        key,
        secret("passphrase", auth.passphrase.as_ref()),
        secret("password", auth.password.as_ref()),
    ];
    format!("{{ {} }}", said.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

fn time(time: Option<Duration>) -> String {
    time.map_or_else(|| "off".to_owned(), |it| format!("{}s", it.as_secs()))
}
