//! What a daemon is to its web face, without a daemon: nobody can open anything here, and nothing is kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cotty_core::refusal::Refusal;
use cotty_engine::hosts::workspace::Workspaces;
use cotty_engine::hosts::{HostsSettings, Look, OpenSsh};
use cotty_engine::hub::Hub;
use cotty_engine::report::Caller;
use cotty_engine::settings::{HubSettings, SessionDefaults};
use cotty_host::holder::client::HolderProgram;
use cotty_host::state_dir::StateDir;
use cotty_mcp::http::{Pass, Talks};
use cotty_web::door::{Door, Listen};
use cotty_web::house::{AgentAsks, Answering, Body, Ending, House, Judged, Peer, Stream, Work};
use cotty_web::logins::Logins;
use cotty_web::served::Served;
use cotty_web::server;
use cotty_wire::api::Daemon;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::known::Fixtures;

struct Stand {
    talks: Arc<Talks<Fixtures>>,
}

impl House for Stand {
    fn judge(&self, _: Peer) -> Option<Judged> {
        None
    }

    fn serve_agent(&self, _: Box<dyn Stream>, _: Caller, _: String) -> Work {
        Box::pin(async {})
    }

    fn answer_agent(&self, asked: AgentAsks) -> Answering {
        let talks = self.talks.clone();
        Box::pin(async move {
            let AgentAsks { request, credential, over } = asked;
            talks.answer(request, Pass { credential, over }).await.map(Body::new)
        })
    }

    fn agent_socket(&self) -> Option<PathBuf> {
        None
    }

    fn memory_bytes(&self) -> Option<u64> {
        None
    }

    fn about(&self) -> Daemon {
        Daemon::default()
    }

    fn passes(&self, _: &str) -> bool {
        false
    }

    fn holds_a_secret(&self, _: &str) -> bool {
        false
    }

    fn kept(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn keep(&self, _: &str, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    fn end(&self, _: Ending) {}
}

/// Serves the fixtures at a port that the door has yet to bind.
pub(crate) async fn served(state: &Path) -> Served {
    let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
    let fixtures = Fixtures::default();
    let talks = Arc::new(Talks::new(move || fixtures.clone(), tasks.clone(), stopping.clone()));
    let house: Arc<dyn House> = Arc::new(Stand { talks });
    let logins = Arc::new(Logins::for_an_agent(house.clone()).expect("nothing is kept, so nothing fails"));
    let (door, listeners) = Door::new("127.0.0.1:0".parse::<Listen>().expect("a loopback address"));
    let hub = Hub::open(settings(state)).await.expect("the directory is new");
    let served = Served { hub, house, logins, counts: Arc::default(), door: Arc::new(door), tasks, stopping };
    drop(served.tasks.spawn(server::serve_tcp(listeners, served.clone())));
    served
}

fn settings(state: &Path) -> HubSettings {
    HubSettings {
        state_dir: StateDir::open(state.join("state")).expect("the directory is ours"),
        holder: HolderProgram {
            executable: "/bin/false".into(),
            arguments: Vec::new(),
            environment: Vec::new(),
        },
        defaults: SessionDefaults {
            default_target: None,
            shell: None,
            term: "dumb".to_owned(),
            cols: 80,
            rows: 24,
            idle_timeout: None,
            park_drafts: None,
            label: None,
            startup: None,
            quota_bytes: 0,
            sessions_max: 0,
        },
        hosts: HostsSettings {
            ssh: OpenSsh::of(state, "nobody", Some("/dev/null".into())),
            user: None,
            limits: Default::default(),
            devices: Default::default(),
            targets: Default::default(),
            engine: Default::default(),
            driving: None,
            wrong: None,
            idle_max: None,
            notes: Vec::new(),
        },
        look: Look(Arc::new(|| None)),
        workspaces: Workspaces::default(),
    }
}
