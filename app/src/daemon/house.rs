//! What the web face asks of the daemon it runs in.

use std::sync::Arc;

use cotty_core::refusal::Refusal;
use cotty_engine::hub::Hub;
use cotty_engine::report::Caller;
use cotty_web::house::{Ending, House, Judged, Peer, Stream, Work};
use cotty_wire::api;
use cotty_wire::hello::PROTOCOL;
use tokio_util::sync::CancellationToken;

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
    ending: CancellationToken,
}

impl Family {
    /// Makes it, with the token by which a face ends the daemon.
    pub(crate) fn new(
        instance: Instance,
        card: Card,
        hub: Hub,
        config: &Config,
    ) -> (Arc<Self>, CancellationToken) {
        let ending = CancellationToken::new();
        let pass_env = config.pass_env.clone();
        let family = Self { instance, card, hub, pass_env, ending: ending.clone() };
        (Arc::new(family), ending)
    }
}

impl House for Family {
    fn judge(&self, peer: Peer) -> Option<Judged> {
        judge(&Proc, peer)
    }

    fn serve_agent(&self, stream: Box<dyn Stream>, caller: Caller, nonce: String) -> Work {
        let serving = cotty_mcp::server::serve(stream, self.hub.clone(), caller, nonce);
        Box::pin(async move {
            if let Err(error) = serving.await {
                tracing::info!(%error, "an agent's connection broke");
            }
        })
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
pub(crate) fn own_card(instance: &Instance) -> Card {
    let pid = std::process::id();
    Card {
        pid,
        start: Process::look(pid).map_or(0, |it| it.start),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        socket: instance.state.file(SOCKET),
        config: instance.config.clone(),
        instance: instance.name.clone(),
    }
}
