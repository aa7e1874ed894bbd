//! The command line: what a person or a script may ask, each answered by one order to the daemon.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use cotty_wire::api::{
    CloseOrder, Closed, Daemon, Evidence, Failure, History, ModeOrder, Output, Query, RunOrder, Runs, Screen,
    SendOrder, Session, Sessions,
};

use crate::cli::client::{Client, internal, unreachable_daemon};
use crate::config;
use crate::instance::{Instance, config_path};

pub(crate) mod client;

pub(crate) mod exit;

mod print;

mod up;

mod attach;

mod socket;

mod asking;

mod trust;

mod last_row;

mod notice;

mod terminal;

mod ending;

/// How long `cotty run` waits for a command's end when nobody says: longer than most, shorter than a forgotten job.
const RUN_WAIT_S: u64 = 600;

/// `cotty send` shows what the terminal says within this time.
const SEND_WAIT_MS: u64 = 300;

#[derive(Parser)]
#[command(name = "cotty", version, about = "A terminal that a person and an AI agent share", after_help = exit::HELP)]
struct Arguments {
    /// The instance: its own daemon and sessions.
    #[arg(long, global = true, value_name = "NAME")]
    instance: Option<String>,
    /// Print one JSON document.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Order,
}

#[derive(Subcommand)]
enum Order {
    /// Open a session, or find it, and attach this terminal.
    Up {
        /// The session's name; made up without one.
        name: Option<String>,
        /// The shell, by name or path; yours without one.
        #[arg(long)]
        shell: Option<String>,
        /// Words for people.
        #[arg(long)]
        label: Option<String>,
        /// Open it, and leave this terminal alone.
        #[arg(long, short)]
        detached: bool,
    },
    /// Attach this terminal to a session. Ctrl-] leaves it.
    Attach {
        /// The session's name.
        name: Option<String>,
    },
    /// List the sessions.
    Ls {
        /// List the newest commands instead.
        #[arg(long)]
        runs: bool,
    },
    /// Run a command in a session, print its output and exit with its code.
    Run {
        /// The session's name.
        name: String,
        /// How long to wait for its end, in seconds.
        #[arg(long, default_value_t = RUN_WAIT_S)]
        wait: u64,
        /// Interrupt it after so many seconds.
        #[arg(long)]
        kill_after: Option<u64>,
        /// The command. Several words are joined by blanks, as `ssh` does.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Type text and keys into a session.
    Send {
        /// The session's name.
        name: String,
        /// The text; Enter follows it.
        text: Option<String>,
        /// Keys after the text (ctrl-c, f5, up), with commas between.
        #[arg(long, value_delimiter = ',')]
        keys: Vec<String>,
        /// No Enter after the text.
        #[arg(long)]
        no_enter: bool,
    },
    /// Print what a session printed.
    Read {
        /// The session's name.
        name: Option<String>,
        /// What of it.
        #[arg(long, value_enum, default_value_t = View::Output)]
        view: View,
        /// The output of one command instead.
        #[arg(long, value_name = "HANDLE")]
        run: Option<String>,
        /// From this offset on.
        #[arg(long, value_name = "EPOCH:BYTE")]
        offset: Option<String>,
    },
    /// Show how a session stands, or the daemon and all of them.
    Status {
        /// The session's name.
        name: Option<String>,
    },
    /// Close a session (web1), a command (c7), or all.
    Close {
        /// What.
        id: String,
        /// Also while a command runs.
        #[arg(long)]
        force: bool,
    },
    /// Choose who may write. A person's to do.
    Mode {
        /// The session's name.
        name: String,
        /// common, human-first, human-only or agent-only.
        mode: String,
    },
    /// Show how the state of a command was judged.
    Why {
        /// Its handle.
        run: String,
    },
    /// Accept the key of a host, after a look at it. A person's to do.
    Trust {
        /// The host (user@host:port, an alias of ssh's) or a device.
        #[arg(value_name = "HOST")]
        target: String,
    },
    /// End the daemon and every session. A person's to do.
    Stop,
    /// Start the daemon anew; sessions live on. A person's to do.
    Restart,
    /// Look at the config.
    Config {
        #[command(subcommand)]
        what: About,
    },
    /// Print how MCP clients start us.
    Setup,
    /// Serve an MCP client on standard input and output.
    Mcp,
    /// Start the daemon. Every command does it by itself.
    Daemon {
        #[arg(long, hide = true)]
        serving: bool,
    },
    /// Keep shells alive. The daemon starts it by itself.
    #[command(hide = true)]
    Hold,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum View {
    /// The newest output, as text.
    Output,
    /// The same, with escapes made visible.
    Raw,
    /// The visible screen.
    Screen,
    /// Who typed what.
    History,
}

#[derive(Clone, Copy, Subcommand)]
enum About {
    /// Where it is.
    Path,
    /// What holds, with every default.
    Show,
    /// Whether it is right.
    Check,
}

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
    match arguments.command {
        Order::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "cotty", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Order::Config { what } => about_config(what, json),
        Order::Setup => {
            print::line(&up::snippets());
            Ok(ExitCode::SUCCESS)
        }
        // Reached where `--instance` stands before it; the first statement of `main` takes the rest.
        Order::Mcp => Ok(crate::shim::run(
            arguments.instance.iter().flat_map(|it| ["--instance".into(), it.into()]).collect(),
        )),
        Order::Hold => Err(Failure::from(&cotty_core::refusal::Refusal::InvalidArgument {
            what: "hold",
            why: "the daemon starts it with a state directory, and nobody else does".to_owned(),
        })),
        Order::Daemon { serving } => daemon(arguments.instance.as_deref(), serving),
        order @ (Order::Up { .. }
        | Order::Attach { .. }
        | Order::Ls { .. }
        | Order::Run { .. }
        | Order::Send { .. }
        | Order::Read { .. }
        | Order::Status { .. }
        | Order::Close { .. }
        | Order::Mode { .. }
        | Order::Why { .. }
        | Order::Trust { .. }
        | Order::Stop
        | Order::Restart) => {
            let instance = Instance::find(arguments.instance.as_deref()).map_err(unreachable_daemon)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| internal(&error.to_string()))?;
            let ended = runtime.block_on(ask(order, instance, json));
            // A thread may still wait for the terminal or for a daemon: it has nothing to lose.
            runtime.shutdown_background();
            ended
        }
    }
}

fn daemon(instance: Option<&str>, serving: bool) -> Result<ExitCode, Failure> {
    let instance = Instance::find(instance).map_err(unreachable_daemon)?;
    if serving {
        return Ok(crate::daemon::run::run(&instance));
    }
    crate::daemon::run::start_over(&instance).map_err(|error| internal(&error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn about_config(what: About, json: bool) -> Result<ExitCode, Failure> {
    let path = config_path().map_err(unreachable_daemon)?;
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
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(order: Order, instance: Instance, json: bool) -> Result<ExitCode, Failure> {
    let passed = || config::read(&instance.config).map(|it| it.variables()).map_err(unreachable_daemon);
    let named = |name: &str| Client::new(instance.clone(), name, &[]);
    let ended = match order {
        Order::Up { name, shell, label, detached } => {
            let client = Client::new(instance.clone(), "up", &passed()?)?;
            return up::up(client, up::Up { name, shell, label, detached }, json).await;
        }
        Order::Attach { name } => {
            let client = named("attach")?;
            let found: Session = client.get("status", &session(name)).await?;
            return attach::attach(client, &found.name).await;
        }
        Order::Run { name, wait, kill_after, command } => {
            let client = Client::new(instance.clone(), "run", &passed()?)?;
            return run_command(&client, name, wait, kill_after, command.join(" "), json).await;
        }
        Order::Trust { target } => {
            let client = Client::new(instance.clone(), "trust", &passed()?)?;
            return trust::trust(&client, target, json).await;
        }
        Order::Stop => return ending::stop(&named("stop")?, json).await,
        Order::Restart => return ending::restart(&named("restart")?, json).await,
        Order::Status { name: None } => {
            let client = named("status")?;
            return status(&client, json).await;
        }
        Order::Ls { runs: true } => {
            shown(&named("ls")?.get::<Runs>("runs", &Query::default()).await?, json, print::runs)
        }
        Order::Ls { runs: false } => {
            let list: Sessions = named("ls")?.get("sessions", &Query::default()).await?;
            shown(&list, json, |it| print::sessions(&it.sessions))
        }
        Order::Send { name, text, keys, no_enter } => {
            let (enter, key) = (no_enter.then(|| "none".to_owned()), Some(client::key()));
            let order = SendOrder { session: Some(name), text, keys, enter, wait_ms: SEND_WAIT_MS, key };
            shown(&named("send")?.post::<Output>("send", &order).await?, json, print::output)
        }
        Order::Read { name, view, run, offset } => {
            let query =
                Query { command: run, offset, raw: (view == View::Raw).then_some(true), ..session(name) };
            return read(&named("read")?, view, &query, json).await;
        }
        Order::Status { name } => {
            shown(&named("status")?.get::<Session>("status", &session(name)).await?, json, print::session)
        }
        Order::Close { id, force } => {
            let closed: Closed = named("close")?.post("close", &CloseOrder { id, force }).await?;
            shown(&closed, json, ending::print_closed)
        }
        Order::Mode { name, mode } => {
            let order = ModeOrder { session: Some(name), mode };
            let said = |it: &Session| print::line(&format!("{} is {}", it.name, it.mode));
            shown(&named("mode")?.post::<Session>("mode", &order).await?, json, said)
        }
        Order::Why { run } => {
            let query = Query { command: Some(run), ..Query::default() };
            let said = |it: &Evidence| print::line(it.evidence.trim_end());
            shown(&named("why")?.get::<Evidence>("evidence", &query).await?, json, said)
        }
        Order::Config { .. }
        | Order::Setup
        | Order::Mcp
        | Order::Daemon { .. }
        | Order::Hold
        | Order::Completions { .. } => Ok(()),
    };
    ended.map(|()| ExitCode::SUCCESS)
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

async fn read(client: &Client, view: View, query: &Query, json: bool) -> Result<ExitCode, Failure> {
    match view {
        View::Output | View::Raw => shown(&client.get::<Output>("read", query).await?, json, print::output)?,
        View::Screen => {
            let lines = |it: &Screen| it.screen.iter().for_each(|row| print::line(row));
            shown(&client.get::<Screen>("screen", query).await?, json, lines)?;
        }
        View::History => shown(&client.get::<History>("history", query).await?, json, print::history)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(client: &Client, json: bool) -> Result<ExitCode, Failure> {
    let daemon: Daemon = client.get("daemon", &Query::default()).await?;
    let list: Sessions = client.get("sessions", &Query::default()).await?;
    if json {
        print::document(&serde_json::json!({ "daemon": daemon, "sessions": list.sessions }))?;
        return Ok(ExitCode::SUCCESS);
    }
    print::line(&format!(
        "daemon    pid {}, cotty {}, instance {}",
        daemon.pid, daemon.version, daemon.instance
    ));
    print::line(&format!("state     {} (log: daemon.log)", daemon.state_dir));
    print::line(&format!("config    {}", daemon.config));
    print::line(&format!("you       {} ({})", daemon.you.role, daemon.because));
    print::sessions(&list.sessions);
    Ok(ExitCode::SUCCESS)
}
