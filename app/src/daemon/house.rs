//! What the web face asks of the daemon it runs in.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use cotty_core::refusal::Refusal;
use cotty_engine::hub::Hub;
use cotty_engine::report::Caller;
use cotty_mcp::call::Address;
use cotty_mcp::http::{Pass, Talks};
use cotty_mcp::server::Server;
use cotty_web::door::Door;
use cotty_web::house::{AgentAsks, Answering, Body, Ending, House, Judged, Peer, Stream, Work};
use cotty_wire::api;
use cotty_wire::hello::PROTOCOL;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::daemon::principal::{Proc, judge};
use crate::daemon::processes::Process;
use crate::instance::{Card, Instance, SOCKET, storage};

/// The daemon, as its faces see it.
pub(crate) struct Family {
    instance: Instance,
    card: Card,
    hub: Hub,
    pass_env: Vec<String>,
    agent_socket: Option<PathBuf>,
    talks: Arc<Talks<Server>>,
    /// Where browsers come in, once that is there.
    door: Arc<OnceLock<Arc<Door>>>,
    /// Its address, as agents may tell it.
    address: Address,
    ending: CancellationToken,
}

impl Family {
    /// Makes it, with the token by which a face ends the daemon.
    pub(crate) fn new(
        instance: Instance,
        card: Card,
        hub: Hub,
        config: &Config,
        (tasks, stopping): (TaskTracker, CancellationToken),
    ) -> (Arc<Self>, CancellationToken) {
        let ending = CancellationToken::new();
        let pass_env = config.pass_env.clone();
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let from_home =
            |it: &PathBuf| it.strip_prefix("~").map_or_else(|_| it.clone(), |rest| home.join(rest));
        let agent_socket = config.agent_socket.as_ref().map(from_home);
        let answering = hub.clone();
        let door: Arc<OnceLock<Arc<Door>>> = Arc::default();
        let found = door.clone();
        let address: Address = Arc::new(move || found.get().and_then(|it| it.url()));
        let told = address.clone();
        let make = move || Server::by_http(answering.clone(), told.clone());
        let talks = Arc::new(Talks::new(make, tasks, stopping));
        let family = Self {
            instance,
            card,
            hub,
            pass_env,
            agent_socket,
            talks,
            door,
            address,
            ending: ending.clone(),
        };
        (Arc::new(family), ending)
    }

    /// Shows it the door.
    pub(crate) fn show_door(&self, door: Arc<Door>) {
        // There is one.
        drop(self.door.set(door));
    }
}

impl House for Family {
    fn judge(&self, peer: Peer) -> Option<Judged> {
        judge(&Proc, peer)
    }

    fn serve_agent(&self, stream: Box<dyn Stream>, caller: Caller, nonce: String) -> Work {
        let serving = cotty_mcp::server::serve(stream, self.hub.clone(), caller, nonce, self.address.clone());
        Box::pin(async move {
            if let Err(error) = serving.await {
                tracing::info!(%error, "an agent's connection broke");
            }
        })
    }

    fn answer_agent(&self, asked: AgentAsks) -> Answering {
        let talks = self.talks.clone();
        Box::pin(async move {
            let AgentAsks { request, credential, over } = asked;
            talks.answer(request, Pass { credential, over }).await.map(Body::new)
        })
    }

    fn agent_socket(&self) -> Option<PathBuf> {
        self.agent_socket.clone()
    }

    fn memory_bytes(&self) -> Option<u64> {
        let said = std::fs::read_to_string("/proc/self/status").ok()?;
        let kib = said.lines().find_map(|it| it.strip_prefix("VmRSS:"))?.trim().strip_suffix("kB")?.trim();
        kib.parse::<u64>().ok().map(|it| it * 1024)
    }

    fn about(&self) -> api::Daemon {
        api::Daemon {
            pid: self.card.pid,
            version: self.card.version.clone(),
            protocol: PROTOCOL,
            instance: self.instance.name.clone(),
            state_dir: self.instance.state.path().display().to_string(),
            config: self.card.config.display().to_string(),
            ..api::Daemon::default()
        }
    }

    fn passes(&self, variable: &str) -> bool {
        variable == "SSH_AUTH_SOCK" || self.pass_env.iter().any(|it| it == variable)
    }

    fn holds_a_secret(&self, variable: &str) -> bool {
        // The devices may have changed since the start.
        self.hub.hosts().needs(variable)
    }

    fn kept(&self, name: &str) -> Option<Vec<u8>> {
        self.instance.state.read(name).unwrap_or_else(|error| {
            tracing::warn!(%error, "a file of the state directory cannot be read");
            None
        })
    }

    fn keep(&self, name: &str, content: &[u8]) -> Result<(), Refusal> {
        self.instance.state.write(name, content).map_err(|error| storage(&error))
    }

    fn end(&self, how: Ending) {
        tracing::info!(?how, "asked to end");
        self.ending.cancel();
    }
}

/// Makes the card of this process.
pub(crate) fn own_card(instance: &Instance, config: &Config) -> Card {
    let pid = std::process::id();
    Card {
        pid,
        start: Process::look(pid).map_or(0, |it| it.start),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        socket: instance.state.file(SOCKET),
        config: instance.config.clone(),
        instance: instance.name.clone(),
        variables: config.variables(),
    }
}
