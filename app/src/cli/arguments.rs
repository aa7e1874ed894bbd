//! What may be typed after `cotty`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use cotty_web::door::Listen;

use crate::cli::exit;

/// How long `cotty run` waits for a command's end when nobody says: longer than most, shorter than a forgotten job.
pub(crate) const RUN_WAIT_S: u64 = 600;

#[derive(Parser)]
#[command(name = "cotty", version, about = "A terminal that a person and an AI agent share", after_help = exit::HELP)]
pub(crate) struct Arguments {
    /// The instance: its own daemon and sessions.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// The config file, in the place of COTTY_CONFIG and ~/.config/cotty/config.toml.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A file of NAME=VALUE lines: its COTTY_HOST and COTTY_DEVICE_… count for a daemon that is started by this.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Order,
}

#[derive(Subcommand)]
pub(crate) enum Order {
    /// Open a session, or find it, and attach this terminal.
    Up {
        /// A session's name, or a host: user@host:port, an alias of ssh's, a device.
        #[arg(value_name = "NAME|HOST")]
        word: Option<String>,
        /// What it is opened on; the other word is a name then.
        #[arg(long, value_name = "TARGET")]
        on: Option<String>,
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
    /// Open a session on a host, with the habits of ssh, and attach this terminal.
    Ssh {
        /// The host: user@host, an alias of ssh's, a device.
        #[arg(value_name = "HOST")]
        host: String,
        /// Its port.
        #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
        port: Option<u16>,
        /// The account.
        #[arg(short = 'l', long = "login", value_name = "USER")]
        user: Option<String>,
        /// A command to run in the session instead of attaching; exits with its code.
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Attach this terminal to a session. Ctrl-] leaves it.
    Attach {
        /// The session's name.
        name: Option<String>,
    },
    /// List the sessions.
    Ls {
        /// Only those with these words in their name, target, account, state, label or their device's tags; one of a field
        /// alone as name:build, device:shop, state:lost, tag:eu or label:mine.
        #[arg(conflicts_with = "runs")]
        filter: Option<String>,
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
        /// Keys after the text (ctrl-c, f5, alt-x, shift-left, pgdn), with commas between.
        #[arg(long, value_delimiter = ',')]
        keys: Vec<String>,
        /// What ends it; the Enter key after a text, nothing after keys.
        #[arg(long, value_enum, conflicts_with = "no_enter")]
        enter: Option<Enter>,
        /// No Enter after the text.
        #[arg(long)]
        no_enter: bool,
        /// Wait until what follows matches this regular expression.
        #[arg(long, value_name = "PATTERN")]
        expect: Option<String>,
        /// How long to wait for that, in seconds.
        #[arg(long, default_value_t = 20, requires = "expect")]
        wait: u64,
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
        /// The newest lines of all that is kept that hold this text, in capitals or not.
        #[arg(long, value_name = "TEXT", conflicts_with_all = ["view", "run", "offset"])]
        find: Option<String>,
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
    /// Give a session another name, or other words for people. A person's to do.
    Rename {
        /// The session's name.
        name: String,
        /// Its new name.
        #[arg(required_unless_present = "label")]
        to: Option<String>,
        /// Words for people; none with "".
        #[arg(long)]
        label: Option<String>,
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
    /// Answer what an attempt to connect asks (q7): a secret, or whether a key is the host's. A person's to do.
    ///
    /// The answer is typed at this terminal, or is the first line of standard input.
    Answer {
        /// Its number; the only one that is open without it.
        #[arg(value_name = "CARD")]
        id: Option<String>,
        /// Say no: for ten minutes agents cannot ask it again.
        #[arg(long)]
        deny: bool,
    },
    /// Give, list and forget secrets that are kept in the daemon's memory. A person's to do.
    Secret {
        #[command(subcommand)]
        what: SecretOrder,
    },
    /// Look at the hosts that the config names.
    Device {
        #[command(subcommand)]
        what: Devices,
    },
    /// Make links for browsers, in which a session is watched and typed into.
    Viewer {
        #[command(subcommand)]
        what: Viewer,
    },
    /// Make, list and revoke tokens for programs; logins of browsers too. A person's to do.
    Token {
        #[command(subcommand)]
        what: Tokens,
    },
    /// Run the daemon in the foreground, for browsers and programs that come by HTTP.
    Serve {
        /// Where to listen: 127.0.0.1 or ::1; port 0 is any free one.
        #[arg(long, value_name = "ADDR:PORT", conflicts_with = "no_listen")]
        listen: Option<Listen>,
        /// Listen on the unix socket only.
        #[arg(long)]
        no_listen: bool,
        #[arg(long, hide = true)]
        serving: bool,
    },
    /// End the daemon and every session. A person's to do.
    Stop,
    /// Start the daemon anew; sessions on this machine live on. A person's to do.
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
pub(crate) enum Enter {
    /// Line feed.
    Lf,
    /// Carriage return, as the key sends.
    Cr,
    /// Both.
    Crlf,
    /// Nothing.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum View {
    /// The newest output, as text.
    Output,
    /// The same, with escapes made visible.
    Raw,
    /// The visible screen.
    Screen,
    /// Who typed what.
    History,
}

#[derive(Clone, Subcommand)]
pub(crate) enum Devices {
    /// List them, with the sessions that are open on them. Nothing is sent to any.
    List {
        /// Only those that have this in their name, host, label or tags.
        filter: Option<String>,
    },
    /// Name a host in the config. A person's to do.
    Add {
        /// Its name.
        name: String,
        /// What it is: user@host:port, or an alias of ssh's; its name without it.
        #[arg(value_name = "HOST")]
        target: Option<String>,
        /// Words for people.
        #[arg(long)]
        label: Option<String>,
    },
    /// Take a host out of the config. A person's to do.
    Remove {
        /// Its name.
        name: String,
    },
    /// Open it where nothing is named. A person's to do.
    Default {
        /// Its name.
        name: String,
    },
    /// Connect to it until it shows its key, and say what a login would meet. Nothing is asked, and no session is opened.
    ///
    /// Exit codes: 0 it was reached and its key is known (with --login: it let us in); 65 its key or the login is refused;
    /// 69 it was not reached; 77 an agent may not name it; 78 the config or ssh's is wrong.
    Test {
        /// A device, or a host: user@host:port, an alias of ssh's.
        #[arg(value_name = "NAME|TARGET")]
        target: String,
        /// Log in, too, and leave at once.
        #[arg(long)]
        login: bool,
    },
}

#[derive(Clone, Subcommand)]
pub(crate) enum SecretOrder {
    /// Keep a secret for a host whose key is known. It is typed at this terminal, or the first line of standard input.
    Set {
        /// The host, or a device.
        #[arg(value_name = "HOST")]
        target: String,
        /// What it is for. Those for sudo and enable are kept, and nothing uses them yet.
        #[arg(long = "for", value_enum, default_value_t = Purpose::Password)]
        purpose: Purpose,
    },
    /// List for whom secrets are kept; none is shown.
    List,
    /// Forget those of a host, or all.
    Forget {
        /// The host, as it was named.
        #[arg(value_name = "HOST")]
        target: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Purpose {
    /// The account's password.
    Password,
    /// The passphrase of its key files.
    Passphrase,
    /// For sudo there.
    Sudo,
    /// For enable of a network device.
    Enable,
}

impl Purpose {
    /// Returns the word of the protocol.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passphrase => "passphrase",
            Self::Sudo => "sudo",
            Self::Enable => "enable",
        }
    }
}

#[derive(Clone, Subcommand)]
pub(crate) enum Viewer {
    /// Print a link that lets one browser in, once, within a minute. A person's to do.
    Link {
        /// The only session that it shows.
        session: Option<String>,
        /// viewer_read, viewer_write, session_admin or operator.
        #[arg(long)]
        role: Option<String>,
    },
}

#[derive(Clone, Subcommand)]
pub(crate) enum Tokens {
    /// Make one, and print it for the only time.
    New {
        /// agent, viewer_read, viewer_write, session_admin or operator.
        #[arg(long, default_value = "agent")]
        role: String,
        /// The only session that it may see.
        #[arg(long)]
        session: Option<String>,
        /// When it ends: a number with s, m, h or d.
        #[arg(long, default_value = "30d", value_parser = seconds)]
        expires: u64,
        /// Words for people.
        #[arg(long)]
        label: Option<String>,
    },
    /// List them, without what is secret.
    List,
    /// End one, or all: its pages and connections close.
    Revoke {
        /// Which (b3, t4), or all.
        id: String,
    },
}

fn seconds(text: &str) -> Result<u64, String> {
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86400,
        _ => return Err("it is a number with s, m, h or d, as in 30d".to_owned()),
    };
    let count = text[..text.len() - 1].parse::<u64>().ok().and_then(|it| it.checked_mul(unit));
    count.ok_or_else(|| "it is a number with s, m, h or d, as in 30d".to_owned())
}

#[derive(Clone, Copy, Subcommand)]
pub(crate) enum About {
    /// Where it is.
    Path,
    /// What holds, with every default.
    Show,
    /// Whether it is right, and what the file of the project here does.
    Check,
    /// Let the .cotty.toml of the project here, as it is now, say more than it may of itself. A person's to do.
    Allow {
        /// Take that back.
        #[arg(long)]
        revoke: bool,
    },
}
