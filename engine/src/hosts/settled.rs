//! From a name and what ssh says of it to settings: who logs in where, with what, and on which way.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use cotty_core::refusal::{HostRefusal, Refusal};
use cotty_core::target::{Target, host_port};
use cotty_host::native::algorithms::Old;
use cotty_host::native::known_hosts::{Names, PORT_DEFAULT};
use cotty_host::native::settings::{Jump, Keep as KeyFile, Limits, Settings};
use cotty_host::openssh::beyond::Beyond;
use cotty_host::openssh::names::Names as Written;
use cotty_host::openssh::reader::Read;
use cotty_host::openssh::{AgentChoice, Answer, NewKeys};

use super::device::{Auth, Defaults, Keep, SecretFrom};
use super::engines::{self, Needs};
use super::honoured::{self, Asked};
use super::lore::{Lore, Told, WhyRead};
use super::secrets::{Purpose, Use};
use super::wanted::{Wanted, agent_of, wrong};
use super::{HostsSettings, Resolved, secrets, ssh_files};
use crate::report::Caller;
use crate::texts::one_line;
use crate::veils;

/// A longer way is a circle.
pub(crate) const HOPS_MAX: usize = 8;

/// What is said of a name of which ssh was not asked yet.
const NOT_ASKED: &str =
    "ssh's configuration was not asked about it yet (a connection asks): this is what holds without it";

/// What is the same for every host on a way.
struct Settling<'a> {
    house: &'a HostsSettings,
    lore: &'a Lore,
    names: &'a Arc<Written>,
    caller: &'a Caller,
    wanted_for: Use,
}

/// The hosts on the way to one.
struct Hops {
    jump: Option<Box<Jump>>,
    /// The way, named.
    way: String,
    /// What of it needs the user's ssh.
    needs: Option<String>,
}

/// How a host on the way came to be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hop {
    /// A person wrote it down.
    Written,
    /// What an agent said may have led to it.
    LedTo,
}

/// Settings, and what else is known.
struct Settled {
    settings: Settings,
    agent: AgentChoice,
    identity: String,
    asked: Asked,
    needs: Needs,
    notes: Vec<String>,
}

type Settles<'a> = Pin<Box<dyn Future<Output = Result<Settled, Refusal>> + Send + 'a>>;

/// Makes settings of a name.
pub(super) async fn settle(
    house: &HostsSettings,
    lore: &Lore,
    wanted: &Wanted<'_>,
    names: &Arc<Written>,
    caller: &Caller,
) -> Result<Resolved, Refusal> {
    let settling = Settling { house, lore, names, caller, wanted_for: Use::Login };
    let settled = settling.host(wanted, HOPS_MAX).await?;
    let engine = engines::choose(house, wanted, &settled.needs);
    let by = engines::engine(house, wanted, caller, &settled.needs, &engine)?;
    let mut resolved = settling.finished(wanted, settled);
    resolved.settings.engine = by;
    Ok(resolved)
}

/// Makes settings of a name of which nothing was asked yet, and asks nobody.
pub(super) fn settle_unasked(
    house: &HostsSettings,
    lore: &Lore,
    wanted: &Wanted<'_>,
    names: &Arc<Written>,
    caller: &Caller,
) -> Result<Resolved, Refusal> {
    let settling = Settling { house, lore, names, caller, wanted_for: Use::Look };
    let settled = settling.as_it_stands(wanted, NOT_ASKED.to_owned())?;
    Ok(settling.finished(wanted, settled))
}

/// Gives what is remembered of a name what this caller has to log in with.
pub(super) fn lend(lore: &Lore, wanted: &Wanted<'_>, caller: &Caller, resolved: &mut Resolved) {
    resolved.settings.agent = agent(&resolved.agent, caller);
    if let Some((_, auth)) = wanted.auth() {
        log_in_with(lore, caller, &mut resolved.settings, auth, wanted, Use::Look);
    }
}

impl Settling<'_> {
    /// Adds what the configuration says of the name.
    fn finished(&self, wanted: &Wanted<'_>, settled: Settled) -> Resolved {
        let Settled { mut settings, agent, mut identity, asked, needs, mut notes } = settled;
        let engine = engines::choose(self.house, wanted, &needs);
        if let Some((name, auth)) = wanted.auth() {
            log_in_with(self.lore, self.caller, &mut settings, auth, wanted, self.wanted_for);
            if auth.password.is_some() && !wanted.target.is_plain() {
                notes.push(format!("the password of {name} is not used: another user or port was named"));
            }
            // What a device's own secrets opened is not lent to whoever names the machine in another way.
            identity += &format!(" as {name}");
        }
        if let Some(socket) = lent_agent(wanted, self.caller) {
            // Another opener has another agent: no connection and no session is shared.
            identity += &lent(&socket);
            notes
                .push(format!("the agent at {} is lent to sessions there (forward_agent)", socket.display()));
            settings.forwarded_agent = Some(socket);
        }
        if wanted.device.is_some_and(|(_, device)| device.legacy) {
            settings.algorithms.old = Old::Allowed;
            // Whoever does not say so shares no such connection.
            identity += " with old algorithms";
        }
        if engine.is_openssh {
            // A connection of one engine is not the other's.
            identity += " by the user's ssh";
            notes = notes.into_iter().filter_map(honoured::by_ssh).collect();
            notes.push(format!("engine {engine}"));
            // ssh does not prove to which key an answer goes.
            let stored = [settings.password.take(), settings.passphrase.take()];
            if stored.iter().any(Option::is_some) {
                notes.push(
                    "the secret that is configured is not given to ssh: what it asks is a person's"
                        .to_owned(),
                );
            }
        }
        if let Some(origin) = wanted.origin() {
            // Another project's device of that name is another one.
            identity += &format!(" of {}", origin.display());
        }
        let is_hidden = wanted.device.filter(|(_, device)| device.hide);
        if let Some((name, _)) = is_hidden {
            settings.met = veils::hang(name, &settings);
        }
        let target = match wanted.device {
            // What was typed is all that is said of who is hidden.
            Some(_) if is_hidden.is_some() => wanted.target.to_string(),
            Some((name, _)) if wanted.target.is_plain() => name.to_owned(),
            _ => format!("{}@{}", settings.user, host_port(&settings.host, settings.port)),
        };
        let defaults = wanted.device.map_or_else(Defaults::default, |(_, device)| device.defaults.clone());
        let keep = wanted.auth().map_or_else(Keep::default, |(_, auth)| auth.keep);
        let typed = wanted.target.to_string();
        let (origin, idle_max) = (wanted.origin().map(Path::to_owned), self.house.idle_max);
        Resolved {
            typed,
            target,
            identity,
            settings,
            engine,
            agent,
            asked,
            defaults,
            keep,
            origin,
            idle_max,
            notes,
        }
    }

    /// Settles one host, with the way to it. Ways may lead through others, so the future has a box of its own.
    fn host<'s>(&'s self, wanted: &'s Wanted<'_>, hops_left: usize) -> Settles<'s> {
        Box::pin(async move {
            match self.lore.ask(wanted, self.names, self.caller).await? {
                Told::Answer(answer) => self.as_ssh_says(wanted, &answer, hops_left, Hop::Written).await,
                Told::Read(read, why) => self.as_we_read(wanted, *read, why, hops_left).await,
            }
        })
    }

    /// Takes a name for the host's, with what ssh does where nothing is configured.
    fn as_it_stands(&self, wanted: &Wanted, why: String) -> Result<Settled, Refusal> {
        let user = wanted.user.or(self.house.user.as_deref()).ok_or_else(|| nameless(wanted))?;
        let known_hosts = match own_known_hosts(self.lore, wanted) {
            Some(file) => vec![file],
            None => ssh_files::known_hosts(&self.house.ssh),
        };
        let file = known_hosts.first().cloned();
        let settings = Settings {
            keeps: file.map(|file| KeyFile { file, names: Names::Plain }),
            known_hosts,
            identity_files: ssh_files::identities(&self.house.ssh),
            agent: agent_of(self.caller),
            limits: self.house.limits,
            ..Settings::new(wanted.host, wanted.port.unwrap_or(PORT_DEFAULT), user)
        };
        let identity = identity(&settings);
        let agent = AgentChoice::Callers;
        let (asked, needs) = (Asked::default(), Needs::default());
        Ok(Settled { settings, agent, identity, asked, needs, notes: vec![why] })
    }

    /// Takes what we read of a name that nobody has said but an agent, or where there is no ssh. For the first nothing is
    /// started, and its key is a person's to accept.
    async fn as_we_read(
        &self,
        wanted: &Wanted<'_>,
        read: Read,
        why: WhyRead,
        hops_left: usize,
    ) -> Result<Settled, Refusal> {
        let Read { mut answer, skipped } = read;
        if answer.user.is_empty() {
            return Err(nameless(wanted));
        }
        // Nothing is looked for, and nothing started, on the way to an engine that is not taken for it.
        answer.beyond = Beyond::default();
        let mut notes = vec![honoured::why_read(wanted, why, &skipped)];
        let mut hop = Hop::Written;
        if why == WhyRead::Unfamiliar {
            if answer.proxy_command.is_some() {
                let (target, word) = (wanted.target.to_string(), "ProxyCommand");
                return Err(Box::new(HostRefusal::Unfamiliar { target, word }).into());
            }
            (answer.new_keys, hop) = (NewKeys::Asked, Hop::LedTo);
        }
        let mut settled = self.as_ssh_says(wanted, &answer, hops_left, hop).await?;
        settled.needs = Needs {
            from: engines::From::Read(why),
            takes_new_keys: settled.needs.takes_new_keys,
            ..Needs::default()
        };
        notes.append(&mut settled.notes);
        Ok(Settled { notes, ..settled })
    }

    async fn as_ssh_says(
        &self,
        wanted: &Wanted<'_>,
        answer: &Answer,
        hops_left: usize,
        hop: Hop,
    ) -> Result<Settled, Refusal> {
        let answer = &as_device_says(self.lore, wanted, answer);
        honoured::check(wanted, answer)?;
        let mut notes = honoured::notes(wanted, answer, self.caller);
        let Hops { jump, way, needs: on_the_way } =
            self.way(wanted, answer, hops_left, hop, &mut notes).await?;
        let names = if answer.hash_known_hosts { Names::Hashed } else { Names::Plain };
        let settings = Settings {
            host_key_alias: answer.host_key_alias.clone(),
            known_hosts: answer.known_hosts.clone(),
            keeps: answer.written_known_hosts.clone().map(|file| KeyFile { file, names }),
            identity_files: answer.identity_files.clone(),
            identities_only: answer.identities_only,
            agent: agent(&answer.agent, self.caller),
            jump,
            limits: limits(self.house.limits, answer),
            ..Settings::new(answer.hostname.clone(), answer.port, answer.user.clone())
        };
        let settings = honoured::settings(&self.house.ssh, answer, self.caller, settings);
        let program = settings.program.as_ref().map(|it| format!(" via {}", one_line(&it.line)));
        let identity = identity(&settings) + &way + &program.unwrap_or_default();
        let (agent, asked) = (answer.agent.clone(), honoured::asked(answer, self.caller));
        // What starts something else is not the same, whoever's account it is.
        let identity = match &asked.command {
            Some(command) => format!("{identity} running {}", one_line(command)),
            None => identity,
        };
        let mut needs =
            engines::needs(&self.house.ssh, wanted, answer, &settings, self.caller, &mut notes).await;
        needs.word = needs.word.or(on_the_way);
        Ok(Settled { settings, agent, identity, asked, needs, notes })
    }

    /// Settles the hosts on the way, each reached through the one before it, and names the way.
    async fn way(
        &self,
        wanted: &Wanted<'_>,
        answer: &Answer,
        hops_left: usize,
        hop: Hop,
        notes: &mut Vec<String>,
    ) -> Result<Hops, Refusal> {
        let (mut jump, mut way, mut needs) = (None::<Box<Jump>>, String::new(), None);
        if answer.jumps.len() > hops_left {
            return Err(wrong(wanted, "ProxyJump leads through too many hosts, or in a circle"));
        }
        for typed in &answer.jumps {
            let named = match typed.parse() {
                Ok(Target::Remote(named)) if named.name().contains('/') => {
                    return Err(wrong(
                        wanted,
                        "ProxyJump names a connection of a device, which ssh does not know",
                    ));
                }
                Ok(Target::Remote(named)) => named,
                Ok(Target::Local) => return Err(wrong(wanted, "ProxyJump names local")),
                Err(error) => return Err(wrong(wanted, &format!("ProxyJump {error}"))),
            };
            let mut settled =
                self.host(&Wanted::hop(&named, hop == Hop::Written), hops_left - answer.jumps.len()).await?;
            if jump.is_some() {
                // The way that is named here counts, whatever is written of that host.
                settled.settings.jump = jump;
                settled.settings.program = None;
            }
            way = format!(" via {}{way}", settled.identity);
            notes.append(&mut settled.notes);
            // A master of the user's to a host on the way is nothing that the way needs.
            needs = needs.or(settled.needs.word.filter(|_| settled.needs.master.is_none()));
            jump = Some(Box::new(Jump { typed: typed.clone(), settings: settled.settings }));
        }
        Ok(Hops { jump, way, needs })
    }
}

/// The file of known hosts that a device has for itself.
fn own_known_hosts(lore: &Lore, wanted: &Wanted) -> Option<PathBuf> {
    let (_, device) = wanted.device?;
    device.known_hosts.as_deref().map(|it| lore.expanded(it))
}

/// What a device says of host keys comes before what ssh's configuration says.
fn as_device_says(lore: &Lore, wanted: &Wanted, answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    if let Some(file) = own_known_hosts(lore, wanted) {
        answer.known_hosts = vec![file.clone()];
        answer.written_known_hosts = Some(file);
    }
    if let Some(new_keys) = wanted.device.and_then(|(_, device)| device.new_keys) {
        answer.new_keys = new_keys;
    }
    // What its own word passes on is sent, as with SendEnv.
    answer.send_env.extend(wanted.device.iter().flat_map(|(_, device)| device.pass_env.clone()));
    answer
}

fn agent(choice: &AgentChoice, caller: &Caller) -> Option<PathBuf> {
    match choice {
        AgentChoice::Callers => agent_of(caller),
        AgentChoice::At(socket) => Some(socket.clone()),
        AgentChoice::None => None,
    }
}

/// What an identity says of an agent that is lent.
pub(super) fn lent(socket: &Path) -> String {
    format!(" with the agent {}", socket.display())
}

/// The agent that a device lets sessions use: the opener's own, whichever one logs in.
fn lent_agent(wanted: &Wanted, caller: &Caller) -> Option<PathBuf> {
    let (_, device) = wanted.device?;
    agent_of(caller).filter(|_| device.forward_agent)
}

/// Logs in as a device says, and only so. A password is for the account it was given for.
fn log_in_with(
    lore: &Lore,
    caller: &Caller,
    settings: &mut Settings,
    auth: &Auth,
    wanted: &Wanted,
    wanted_for: Use,
) {
    let source = |from: &SecretFrom, purpose| secrets::source(from, purpose, caller, lore, wanted_for);
    settings.identity_files = auth.key.iter().map(|it| lore.expanded(it)).collect();
    // A certificate of ssh's is for a key of ssh's.
    settings.certificate_files.clear();
    settings.identities_only = true;
    settings.passphrase = auth.passphrase.as_ref().map(|it| source(it, Purpose::Passphrase));
    if wanted.target.is_plain() {
        settings.password = auth.password.as_ref().map(|it| source(it, Purpose::Password));
    }
}

/// The limits of the config, where ssh's own does not say more.
fn limits(ours: Limits, answer: &Answer) -> Limits {
    // For ssh it is one time for both.
    let connect = answer.connect_timeout.unwrap_or(ours.connect);
    let handshake = answer.connect_timeout.unwrap_or(ours.handshake);
    let (keepalive, keepalives_max) = answer.alive.unwrap_or((ours.keepalive, ours.keepalives_max));
    Limits { connect, handshake, keepalive, keepalives_max, ..ours }
}

fn identity(settings: &Settings) -> String {
    format!("{}@{}", settings.user, host_port(&settings.host.to_lowercase(), settings.port))
}

fn nameless(wanted: &Wanted) -> Refusal {
    let why = format!("this account has no name here: say user@{}", wanted.target);
    Refusal::InvalidArgument { what: "target", why }
}
