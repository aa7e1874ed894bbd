//! The JSON endpoints: an order in, an engine call, a document out.

use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use cotty_core::names::{Offset, RunId};
use cotty_core::refusal::Refusal;
use cotty_engine::hub::meaning::Meaning;
use cotty_engine::hub::testing::Depth;
use cotty_engine::pattern;
use cotty_engine::report::{self, CallKey, Caller, Enter, Part, SessionState, Stretch, Until, Which};
use cotty_wire::api;
use cotty_wire::socket::{Frame, Kind};

use crate::answer::{Answer, Asked, Order, Refused};
use crate::guard::Admitted;
use crate::house::Ending;
use crate::served::Served;
use crate::words;

/// No call waits longer: whoever wants more asks again.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// A text of more characters keeps its head and tail. A person's terminal takes it; a program reads by offset.
const TEXT_CHARACTERS_MAX: usize = 8 * 1024 * 1024;

/// How many entries a list has when nobody says.
const LIMIT: usize = 200;

/// No list is longer.
const LIMIT_MAX: usize = 10_000;

type Calling = Extension<Caller>;

pub(crate) async fn sessions(
    State(served): State<Served>,
    caller: Calling,
    Extension(admitted): Extension<Admitted>,
) -> Answer<api::Sessions> {
    let list = served.hub.list(&caller).await?.into_iter().map(words::session);
    let seen = list.filter(|it| admitted.sees(&it.name, it.opened_at_ms));
    let sessions: Vec<_> = seen.collect();
    // A card of a later session of the name that somebody is bound to is not theirs.
    let is_there = |it: &&str| sessions.iter().any(|session| session.name == *it);
    let eyes = admitted.eyes();
    let cards = match eyes.only {
        Some(only) if !is_there(&only) => Vec::new(),
        _ => words::cards(served.hub.cards(), Vec::new(), eyes).cards,
    };
    Ok(Json(api::Sessions { sessions, cards }))
}

pub(crate) async fn devices(State(served): State<Served>, caller: Calling) -> Json<api::Devices> {
    let devices = served.hub.devices(&caller);
    Json(api::Devices { devices: devices.into_iter().map(words::device).collect() })
}

pub(crate) async fn test(
    State(served): State<Served>,
    Extension(caller): Calling,
    Order(order): Order<api::TestOrder>,
) -> Answer<api::DeviceTest> {
    let depth = if order.login { Depth::Login } else { Depth::Key };
    Ok(Json(words::tested(served.hub.test(&caller, &order.target, depth).await?)))
}

pub(crate) async fn connect(
    State(served): State<Served>,
    Extension(mut caller): Calling,
    Order(order): Order<api::Connect>,
) -> Answer<api::Connected> {
    let order = ordered(&served, &mut caller, order).await?;
    Ok(Json(words::connected(served.hub.connect(&caller, order).await?)))
}

/// Takes an order to connect, and what the caller gives its shell.
pub(crate) async fn ordered(
    served: &Served,
    caller: &mut Caller,
    order: api::Connect,
) -> Result<report::Connect, Refusal> {
    let meaning = match (order.word, order.name, order.target) {
        (Some(word), None, None) => served.hub.meaning(&word, caller).await?,
        (None, name, target) => Meaning { name, target },
        (Some(_), ..) => {
            let why = "it stands in place of a name and a target".to_owned();
            return Err(Refusal::InvalidArgument { what: "word", why });
        }
    };
    caller.whole_env =
        order.whole_env.map(|it| it.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
    Ok(report::Connect {
        target: meaning.target,
        name: meaning.name,
        fork: None,
        shell: order.shell,
        cols: order.cols,
        rows: order.rows,
        cwd: order.cwd,
        env: order.env,
        label: order.label,
        default: None,
        wait: patience(order.wait_ms),
    })
}

pub(crate) async fn status(
    State(served): State<Served>,
    caller: Calling,
    asked: Asked,
) -> Answer<api::Session> {
    Ok(Json(words::session(served.hub.status(&caller, &named(asked.0.session)).await?)))
}

pub(crate) async fn close(
    State(served): State<Served>,
    caller: Calling,
    Order(order): Order<api::CloseOrder>,
) -> Answer<api::Closed> {
    let closed = match served.hub.close(&caller, &order.id, order.force).await? {
        report::Closed::Run(run) => report::Closed::Run(Box::new(served.hub.veiled(*run)?)),
        sessions => sessions,
    };
    Ok(Json(words::closed(closed)))
}

pub(crate) async fn mode(
    State(served): State<Served>,
    caller: Calling,
    Order(order): Order<api::ModeOrder>,
) -> Answer<api::Session> {
    let which = named(order.session);
    served.hub.set_mode(&caller, &which, parse("mode", &order.mode)?).await?;
    Ok(Json(words::session(served.hub.status(&caller, &which).await?)))
}

/// Gives a session another name. Who may see it alone sees it on.
pub(crate) async fn rename(
    State(served): State<Served>,
    caller: Calling,
    Order(order): Order<api::RenameOrder>,
) -> Answer<api::Session> {
    if order.name.is_none() && order.label.is_none() {
        let why = "neither a name nor a label was given".to_owned();
        return Err(Refusal::InvalidArgument { what: "name", why }.into());
    }
    let which = named(order.session);
    let renamed = served.hub.rename(&caller, &which, order.name, order.label).await?;
    if let Some(before) = &which.session {
        served.logins.renamed(before, renamed.opened_at, &renamed.name)?;
    }
    Ok(Json(words::session(renamed)))
}

pub(crate) async fn run(
    State(served): State<Served>,
    caller: Calling,
    Extension(admitted): Extension<Admitted>,
    Order(order): Order<api::RunOrder>,
) -> Answer<api::Output> {
    if admitted.credential.is_some() && order.target.is_some() {
        // A shell that a program opened from afar would be nobody's.
        let why = "nothing is opened by a command that comes by TCP; name a session".to_owned();
        return Err(Refusal::InvalidArgument { what: "target", why }.into());
    }
    let which = Which { session: order.session, target: order.target };
    let wanted = report::RunOrder {
        command: order.command,
        wait: patience(order.wait_ms),
        kill_after: order.kill_after_ms.map(Duration::from_millis),
        key: call_key(order.key)?,
    };
    let report = served.hub.run(&caller, &which, wanted).await?;
    let stretch = report.output.clone();
    shown(&served, Some(report), None, &stretch, stretch.to, plain()).await
}

pub(crate) async fn wait(
    State(served): State<Served>,
    caller: Calling,
    Order(order): Order<api::WaitOrder>,
) -> Answer<api::Output> {
    let until = match order.until.as_deref() {
        None | Some("done") => Until::Done,
        Some("input") => Until::Input,
        Some("output") => Until::Output,
        Some("idle") => Until::Idle,
        Some(other) => {
            let why = format!("{other:?} is none of done, input, output, idle");
            return Err(Refusal::InvalidArgument { what: "until", why }.into());
        }
    };
    let wanted = report::WaitOrder {
        run: handle(order.command.as_deref())?,
        until,
        wait: patience(order.wait_ms),
        offset: offset(order.offset.as_deref())?,
    };
    let waited = served.hub.wait(&caller, &named(order.session), wanted).await?;
    shown(&served, waited.report, Some(waited.met), &waited.shown, waited.next_offset, plain()).await
}

pub(crate) async fn send(
    State(served): State<Served>,
    caller: Calling,
    Order(order): Order<api::SendOrder>,
) -> Answer<api::Output> {
    let enter = match order.enter.as_deref() {
        None => None,
        Some("lf") => Some(Enter::Lf),
        Some("cr") => Some(Enter::Cr),
        Some("crlf") => Some(Enter::CrLf),
        Some("none") => Some(Enter::None),
        Some(other) => {
            let why = format!("{other:?} is none of lf, cr, crlf, none");
            return Err(Refusal::InvalidArgument { what: "enter", why }.into());
        }
    };
    let wait = patience(order.wait_ms);
    let key = call_key(order.key)?;
    let expect = order.expect.map(|it| pattern::compile("expect", &it)).transpose()?;
    let wanted = report::SendOrder { text: order.text, keys: order.keys, enter, expect, wait, key };
    let sent = served.hub.send(&caller, &named(order.session), wanted).await?;
    shown(&served, sent.report, sent.matched, &sent.shown, sent.next_offset, plain()).await
}

/// A caller's key for an order, short and printable: it stands in the store.
fn call_key(key: Option<String>) -> Result<Option<CallKey>, Refusal> {
    const KEY_BYTES_MAX: usize = 128;
    match key {
        Some(key)
            if key.is_empty()
                || key.len() > KEY_BYTES_MAX
                || !key.bytes().all(|it| it.is_ascii_graphic()) =>
        {
            let why = format!("a key has 1 to {KEY_BYTES_MAX} printable characters");
            Err(Refusal::InvalidArgument { what: "key", why })
        }
        key => Ok(key.map(|name| CallKey { name, is_new: false })),
    }
}

/// Reads what viewers may see of what a session printed: one frame of the socket's kind.
pub(crate) async fn journal(
    State(served): State<Served>,
    caller: Calling,
    asked: Asked,
) -> Result<Vec<u8>, Refused> {
    let (from, to) = (offset(asked.0.offset.as_deref())?, offset(asked.0.to.as_deref())?);
    let printed = served.hub.printed(&caller, &named(asked.0.session), from, to).await?;
    let (from, to) = (printed.from, printed.to.byte);
    Ok(Frame { kind: Kind::Output, from, to, bytes: &printed.bytes }.encode())
}

/// Reads a command's output, or what a session printed.
pub(crate) async fn read(State(served): State<Served>, caller: Calling, asked: Asked) -> Answer<api::Output> {
    let part = Part { raw: asked.0.raw.unwrap_or(false), ..plain() };
    if let Some(run) = handle(asked.0.command.as_deref())? {
        let report = served.hub.report(&caller, run).await?;
        let stretch = report.output.clone();
        return shown(&served, Some(report), None, &stretch, stretch.to, part).await;
    }
    let from = offset(asked.0.offset.as_deref())?;
    let stretch = served.hub.recent(&caller, &named(asked.0.session), from).await?;
    shown(&served, None, None, &stretch, stretch.to, part).await
}

pub(crate) async fn screen(
    State(served): State<Served>,
    caller: Calling,
    asked: Asked,
) -> Answer<api::Screen> {
    Ok(Json(words::screen(served.hub.screen(&caller, &named(asked.0.session)).await?)))
}

pub(crate) async fn history(
    State(served): State<Served>,
    caller: Calling,
    asked: Asked,
) -> Answer<api::History> {
    let entries = served.hub.history(&caller, &named(asked.0.session), limit(asked.0.limit)).await?;
    Ok(Json(api::History { history: entries.into_iter().map(words::history_entry).collect() }))
}

pub(crate) async fn runs(State(served): State<Served>, caller: Calling, asked: Asked) -> Answer<api::Runs> {
    let runs = served.hub.runs(&caller, &named(asked.0.session), limit(asked.0.limit)).await?;
    Ok(Json(api::Runs { runs: runs.into_iter().map(words::summary).collect() }))
}

pub(crate) async fn evidence(
    State(served): State<Served>,
    caller: Calling,
    asked: Asked,
) -> Answer<api::Evidence> {
    let wanted = asked.0.command.unwrap_or_default();
    let run = parse::<RunId>("command", &wanted)?;
    let proof = served.hub.evidence(&caller, run).await?;
    Ok(Json(words::evidence(report::Proof { report: served.hub.veiled(proof.report)?, ..proof })))
}

pub(crate) async fn daemon(State(served): State<Served>, caller: Calling) -> Json<api::Daemon> {
    Json(about(&served, &caller))
}

pub(crate) async fn stop(State(served): State<Served>, caller: Calling) -> Answer<api::Closed> {
    let sessions = served.hub.stop_all(&caller).await?;
    served.house.end(Ending::Stop);
    Ok(Json(api::Closed { sessions, run: None }))
}

pub(crate) async fn restart(State(served): State<Served>, caller: Calling) -> Json<api::Daemon> {
    // What cannot be listed is no reason to stay.
    let sessions = served.hub.list(&caller).await.unwrap_or_default();
    let over = |it: &SessionState| {
        matches!(it, SessionState::Exited(_) | SessionState::Closed(_) | SessionState::Lost(_))
    };
    let on_hosts = sessions.into_iter().filter(|it| it.account.is_some() && !over(&it.state));
    let ended_sessions = on_hosts.map(|it| it.name).collect();
    served.house.end(Ending::Restart);
    Json(api::Daemon { ended_sessions, ..about(&served, &caller) })
}

fn about(served: &Served, caller: &Caller) -> api::Daemon {
    api::Daemon {
        you: words::who(&caller.principal),
        because: caller.because.clone(),
        ..served.house.about()
    }
}

async fn shown(
    served: &Served,
    report: Option<report::RunReport>,
    met: Option<bool>,
    stretch: &Stretch,
    next: Offset,
    part: Part,
) -> Answer<api::Output> {
    let text = words::text(served.hub.text(stretch, part).await?);
    let report = report.map(|it| served.hub.veiled(it)).transpose()?;
    Ok(Json(api::Output { run: report.map(words::run), met, text, next_offset: Some(next.to_string()) }))
}

fn plain() -> Part {
    Part { budget: TEXT_CHARACTERS_MAX, ..Part::default() }
}

fn named(session: Option<String>) -> Which {
    Which { session, target: None }
}

fn patience(millis: u64) -> Duration {
    Duration::from_millis(millis).min(WAIT_MAX)
}

fn limit(asked: Option<usize>) -> usize {
    asked.unwrap_or(LIMIT).min(LIMIT_MAX)
}

fn handle(text: Option<&str>) -> Result<Option<RunId>, Refusal> {
    text.map(|it| parse("command", it)).transpose()
}

fn offset(text: Option<&str>) -> Result<Option<Offset>, Refusal> {
    text.map(|it| parse("offset", it)).transpose()
}

fn parse<T>(what: &'static str, text: &str) -> Result<T, Refusal>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Refusal::InvalidArgument { what, why: error.to_string() })
}
