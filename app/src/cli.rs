//! The command line: what a person or a script may ask, each answered by one order to the daemon.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use cotty_host::local::limits;
use cotty_web::door::Listen;
use cotty_wire::api::{
    self, CloseOrder, Closed, Daemon, Evidence, Failure, Found, History, ModeOrder, Output, Query,
    RenameOrder, RunOrder, Runs, Screen, Session, Sessions,
};

use crate::cli::arguments::{About, Arguments, Devices, Order, RUN_WAIT_S, View};
use crate::cli::client::{Client, internal, unreachable_daemon};
use crate::config;
use crate::daemon::reach::variables;
use crate::instance::{Flags, Instance, config_path};

pub(crate) mod client;

pub(crate) mod exit;

mod arguments;

mod print;

mod up;

mod attach;

mod socket;

mod asking;

mod trust;

mod piped;

mod answer;

mod allow;

mod device;

mod device_test;

mod secret;

mod last_row;

mod notice;

mod pasting;

mod predict;

mod predicting;

mod terminal;

mod ending;

mod send;

mod sessions;

mod setup;

mod why;

mod access;

mod serve;

/// Carries out the command line.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { ExitCode::from(exit::USAGE) } else { ExitCode::SUCCESS };
            // Nobody is left to tell where even this cannot be printed.
            drop(error.print());
            return code;
        }
    };
    let json = arguments.json;
    carry_out(arguments).unwrap_or_else(|failure| exit::tell(&failure, json))
}

fn carry_out(arguments: Arguments) -> Result<ExitCode, Failure> {
    let json = arguments.json;
    let Arguments { instance, config, env_file, command, .. } = arguments;
    let flags = Flags { instance, config, env_file };
    match command {
        Order::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "cotty", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Order::Config { what } if !matches!(what, About::Allow { .. }) => about_config(what, &flags, json),
        Order::Setup => {
            let snippets = setup::Snippets::of(&flags).map_err(unreachable_daemon)?;
            shown(&snippets, json, |it| print::line(&it.to_string())).map(|()| ExitCode::SUCCESS)
        }
        // Reached where `--instance` stands before it; the first statement of `main` takes the rest.
        Order::Mcp => Ok(crate::shim::run(flags.arguments())),
        Order::Hold => Err(Failure::from(&cotty_core::refusal::Refusal::InvalidArgument {
            what: "hold",
            why: "the daemon starts it with a state directory, and nobody else does".to_owned(),
        })),
        Order::Serve { listen, no_listen, serving } => {
            let instance = Instance::find(&flags).map_err(unreachable_daemon)?;
            let listen = if no_listen { Some(Listen::Off) } else { listen };
            serve::serve(&instance, listen, serving, json)
        }
        Order::Daemon { serving } => daemon(&flags, serving),
        order @ (Order::Up { .. }
        | Order::Ssh { .. }
        | Order::Attach { .. }
        | Order::Ls { .. }
        | Order::Run { .. }
        | Order::Send { .. }
        | Order::Read { .. }
        | Order::Status { .. }
        | Order::Close { .. }
        | Order::Mode { .. }
        | Order::Rename { .. }
        | Order::Why { .. }
        | Order::Trust { .. }
        | Order::Answer { .. }
        | Order::Secret { .. }
        | Order::Device { .. }
        | Order::Config { .. }
        | Order::Viewer { .. }
        | Order::Token { .. }
        | Order::Stop
        | Order::Restart) => {
            // What a person answers is typed here.
            limits::leave_no_core();
            let instance = Instance::find(&flags).map_err(unreachable_daemon)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| internal(&error.to_string()))?;
            let ended = runtime.block_on(ask(order, instance, json));
            // A thread may still wait for the terminal or for a daemon: it has nothing to lose.
            runtime.shutdown_background();
            ended
        }
    }
}

fn daemon(flags: &Flags, serving: bool) -> Result<ExitCode, Failure> {
    let instance = Instance::find(flags).map_err(unreachable_daemon)?;
    if serving {
        return Ok(crate::daemon::run::run(&instance));
    }
    crate::daemon::run::start_over(&instance).map_err(|error| internal(&error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn about_config(what: About, flags: &Flags, json: bool) -> Result<ExitCode, Failure> {
    let path = config_path(flags).map_err(unreachable_daemon)?;
    let shown = path.display().to_string();
    match what {
        About::Path if json => {
            print::document(&serde_json::json!({ "path": shown, "exists": path.exists() }))?
        }
        About::Path => print::line(&shown),
        About::Show => {
            let toml = config::read(&path).map_err(unreachable_daemon)?.to_toml();
            if json {
                print::document(&serde_json::json!({ "path": shown, "toml": toml }))?;
            } else {
                print::line(toml.trim_end());
            }
        }
        About::Check => {
            config::read(&path).map_err(unreachable_daemon)?;
            if json {
                print::document(&serde_json::json!({ "path": shown, "right": true }))?;
            } else {
                print::line(&format!(
                    "{shown}: {}",
                    if path.exists() { "right" } else { "not there; defaults hold" }
                ));
                let project = allow::standing(&Instance::find(flags).map_err(unreachable_daemon)?);
                project.iter().for_each(|it| print::line(&print::clean(it)));
            }
        }
        // It is asked of the daemon.
        About::Allow { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The variables that are said to the daemon. A config that was broken meanwhile stops nobody, and is told.
fn passed(instance: &Instance) -> Result<Vec<String>, Failure> {
    let (passed, wrong) = variables(instance).map_err(unreachable_daemon)?;
    if let Some(refusal) = wrong {
        print::aside(&print::clean(&format!(
            "cotty: the config is wrong, and what it said before holds: {refusal}. {}",
            refusal.next_step()
        )));
    }
    Ok(passed)
}

async fn ask(order: Order, instance: Instance, json: bool) -> Result<ExitCode, Failure> {
    let passed = || passed(&instance);
    let named = |name: &str| Client::new(instance.clone(), name, &[]);
    let ended = match order {
        order @ (Order::Up { .. } | Order::Ssh { .. } | Order::Trust { .. }) => {
            return waited_for(order, instance.clone(), &passed()?, json).await;
        }
        Order::Attach { name } => return attached(&instance, name, &passed()?).await,
        Order::Run { name, wait, kill_after, command } => {
            let client = Client::new(instance.clone(), "run", &passed()?)?;
            return run_command(&client, name, wait, kill_after, command.join(" "), json).await;
        }
        Order::Stop => return ending::stop(&named("stop")?, json).await,
        Order::Restart => return ending::restart(&named("restart")?, json).await,
        Order::Status { name: None } => {
            let client = named("status")?;
            return status(&client, json).await;
        }
        Order::Ls { runs: true, .. } => {
            shown(&named("ls")?.get::<Runs>("runs", &Query::default()).await?, json, print::runs)
        }
        Order::Ls { runs: false, filter } => return list(&named("ls")?, filter.as_deref(), json).await,
        Order::Device { what: what @ Devices::Test { .. } } => {
            let client = Client::new(instance.clone(), "device", &passed()?)?;
            return devices(&client, &instance, what, json).await;
        }
        Order::Device { what } => return devices(&named("device")?, &instance, what, json).await,
        Order::Viewer { what } => access::viewer(&named("viewer")?, what, json).await,
        Order::Token { what } => access::token(&named("token")?, what, json).await,
        order @ Order::Send { .. } => return send::send(&named("send")?, order, json).await,
        order @ Order::Read { .. } => return read(&named("read")?, order, json).await,
        Order::Status { name } => {
            shown(&named("status")?.get::<Session>("status", &session(name)).await?, json, sessions::one)
        }
        Order::Answer { id, deny } => return answer::answer(&named("answer")?, id, deny, json).await,
        Order::Secret { what } => return secret::secret(&named("secret")?, what, json).await,
        Order::Close { id, force } => {
            let closed: Closed = named("close")?.post("close", &CloseOrder { id, force }).await?;
            shown(&closed, json, ending::print_closed)
        }
        Order::Mode { name, mode } => set_mode(&named("mode")?, name, mode, json).await,
        Order::Rename { name, to, label } => {
            let order = RenameOrder { session: Some(name.clone()), name: to, label };
            let renamed = named("rename")?.post::<Session>("rename", &order).await?;
            shown(&renamed, json, |it| sessions::renamed(&name, it))
        }
        Order::Why { run } => {
            let query = Query { command: Some(run), ..Query::default() };
            shown(&named("why")?.get::<Evidence>("evidence", &query).await?, json, why::print)
        }
        Order::Config { what: About::Allow { revoke } } => {
            return allow::allow(&named("config")?, revoke, json).await;
        }
        Order::Config { .. }
        | Order::Setup
        | Order::Mcp
        | Order::Daemon { .. }
        | Order::Serve { .. }
        | Order::Hold
        | Order::Completions { .. } => Ok(()),
    };
    ended.map(|()| ExitCode::SUCCESS)
}

async fn set_mode(client: &Client, name: String, mode: String, json: bool) -> Result<(), Failure> {
    let order = ModeOrder { session: Some(name), mode };
    let said = |it: &Session| print::line(&format!("{} is {}", it.name, it.mode));
    shown(&client.post::<Session>("mode", &order).await?, json, said)
}

/// Attaches to a session, or joins those who wait for one that is still opening.
async fn attached(instance: &Instance, name: Option<String>, passed: &[String]) -> Result<ExitCode, Failure> {
    let client = Client::new(instance.clone(), "attach", &[])?;
    let found: Session = client.get("status", &session(name)).await?;
    if found.state == "opening" && found.account.is_some() {
        return join(Client::new(instance.clone(), "attach", passed)?, found.name).await;
    }
    attach::attach(client, &found.name).await
}

/// Lists sessions, and what waits for a person.
async fn list(client: &Client, filter: Option<&str>, json: bool) -> Result<ExitCode, Failure> {
    let mut list: Sessions = client.get("sessions", &Query::default()).await?;
    if let Some(filter) = filter {
        let known: api::Devices = client.get("devices", &Query::default()).await?;
        list.sessions.retain(|it| sessions::is_meant(it, &known.devices, filter));
    }
    let people = |it: &Sessions| {
        sessions::list(&it.sessions);
        answer::cards(&it.cards);
    };
    shown(&list, json, people).map(|()| ExitCode::SUCCESS)
}

/// Lists the hosts that the config names, or changes them.
async fn devices(
    client: &Client,
    instance: &Instance,
    what: Devices,
    json: bool,
) -> Result<ExitCode, Failure> {
    let change = match what {
        Devices::List { filter } => {
            let mut list: api::Devices = client.get("devices", &Query::default()).await?;
            list.devices.retain(|it| sessions::is_device(it, filter.as_deref()));
            return shown(&list, json, |it| print::devices(&it.devices)).map(|()| ExitCode::SUCCESS);
        }
        Devices::Add { name, target, label } => device::Change::Add { name, target, label },
        Devices::Remove { name } => device::Change::Remove { name },
        Devices::Default { name } => device::Change::Default { name },
        Devices::Test { target, login } => return device_test::test(client, target, login, json).await,
    };
    device::change(client, &instance.config, change).await
}

/// Orders that may have to wait for a host, and for what a person answers.
async fn waited_for(
    order: Order,
    instance: Instance,
    passed: &[String],
    json: bool,
) -> Result<ExitCode, Failure> {
    let client = |name: &str| Client::new(instance.clone(), name, passed);
    match order {
        Order::Up { word, on, shell, label, detached } => {
            up::up(client("up")?, up::Up { word, target: on, shell, label, detached }, json).await
        }
        Order::Ssh { host, port, user, command } => {
            ssh(client("ssh")?, &up::Ssh { host, user, port }, command, json).await
        }
        Order::Trust { target } => trust::trust(&client("trust")?, target, json).await,
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn session(name: Option<String>) -> Query {
    Query { session: name, ..Query::default() }
}

fn shown<T: serde::Serialize>(document: &T, json: bool, people: impl FnOnce(&T)) -> Result<(), Failure> {
    if json {
        return print::document(document);
    }
    people(document);
    Ok(())
}

/// Attaches to a session that is still on its way: what it asks is put to the person first.
async fn join(client: Client, name: String) -> Result<ExitCode, Failure> {
    let order = up::Up { word: Some(name.clone()), ..up::Up::default() };
    match up::opened(&client, order, true).await? {
        Ok(_) => attach::attach(client, &name).await,
        Err(given_up) => Ok(given_up),
    }
}

async fn ssh(client: Client, ssh: &up::Ssh, command: Vec<String>, json: bool) -> Result<ExitCode, Failure> {
    let order = up::Up { target: Some(up::target(ssh)?), ..up::Up::default() };
    if command.is_empty() {
        return up::up(client, order, json).await;
    }
    match up::opened(&client, order, false).await? {
        Ok(connected) => {
            let name = connected.session.name;
            // The signals that ended the wait are still heard, and end this one too; the command goes on.
            let mut ends = asking::Ends::new().map_err(|error| internal(&error.to_string()))?;
            tokio::select! {
                ended = run_command(&client, name, RUN_WAIT_S, None, command.join(" "), json) => ended,
                code = ends.come() => Ok(ExitCode::from(code)),
            }
        }
        Err(given_up) => Ok(given_up),
    }
}

async fn run_command(
    client: &Client,
    name: String,
    wait: u64,
    kill_after: Option<u64>,
    command: String,
    json: bool,
) -> Result<ExitCode, Failure> {
    let order = RunOrder {
        session: Some(name),
        target: None,
        command,
        wait_ms: wait.saturating_mul(1000),
        kill_after_ms: kill_after.map(|it| it.saturating_mul(1000)),
        key: Some(client::key()),
    };
    let output: Output = client.post("run", &order).await?;
    shown(&output, json, print::output)?;
    let Some(run) = output.run else { return Ok(ExitCode::from(exit::FAILED)) };
    Ok(match (run.state.state.as_str(), run.state.exit) {
        ("completed" | "interrupted" | "shell_exited", Some(code)) => {
            ExitCode::from(u8::try_from(code & 0xff).unwrap_or(exit::FAILED))
        }
        ("ran_nothing", _) => ExitCode::SUCCESS,
        ("running" | "needs_input" | "nested" | "unknown", _) => ExitCode::from(exit::STILL_RUNNING),
        _ => ExitCode::from(exit::FAILED),
    })
}

async fn read(client: &Client, order: Order, json: bool) -> Result<ExitCode, Failure> {
    let Order::Read { name, view, run, offset, find } = order else { return Ok(ExitCode::SUCCESS) };
    let raw = (view == View::Raw).then_some(true);
    let query = Query { command: run, offset, raw, find, ..session(name) };
    if query.find.is_some() {
        shown(&client.get::<Found>("search", &query).await?, json, print::found)?;
        return Ok(ExitCode::SUCCESS);
    }
    match view {
        View::Output | View::Raw => shown(&client.get::<Output>("read", &query).await?, json, print::output)?,
        View::Screen => {
            let lines = |it: &Screen| it.screen.iter().for_each(|row| print::line(row));
            shown(&client.get::<Screen>("screen", &query).await?, json, lines)?;
        }
        View::History => shown(&client.get::<History>("history", &query).await?, json, print::history)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(client: &Client, json: bool) -> Result<ExitCode, Failure> {
    let daemon: Daemon = client.get("daemon", &Query::default()).await?;
    let list: Sessions = client.get("sessions", &Query::default()).await?;
    if json {
        print::document(
            &serde_json::json!({ "daemon": daemon, "sessions": list.sessions, "cards": list.cards }),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    print::line(&format!(
        "daemon    pid {}, cotty {}, instance {}",
        daemon.pid, daemon.version, daemon.instance
    ));
    print::line(&format!("state     {} (log: daemon.log)", daemon.state_dir));
    print::line(&format!("config    {}", daemon.config));
    print::line(&format!("you       {} ({})", daemon.you.role, daemon.because));
    sessions::list(&list.sessions);
    answer::cards(&list.cards);
    Ok(ExitCode::SUCCESS)
}
