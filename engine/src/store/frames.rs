//! The stack of a session's shells as one text: a line of fields each.

use cotty_core::dialect::Shell;
use cotty_core::marks::Key;
use cotty_core::names::{RunId, RunKind};
use cotty_core::probe::Front;
use cotty_core::session::Frame;

/// Between two fields.
const FIELD: char = '\u{1f}';
/// Between two frames.
const FRAME: char = '\u{1e}';

pub(super) fn write(frames: &[Frame]) -> String {
    let all: Vec<String> = frames.iter().map(line).collect();
    all.join(&FRAME.to_string())
}

pub(super) fn read(text: &str) -> Vec<Frame> {
    text.split(FRAME).filter_map(frame).collect()
}

fn line(frame: &Frame) -> String {
    // A path with such a character is told without it.
    let clean = |it: &Option<String>| it.as_deref().unwrap_or_default().replace([FIELD, FRAME], "?");
    let number = |it: Option<u64>| it.map(|it| it.to_string()).unwrap_or_default();
    let front = match frame.front {
        Front::Own => "own".to_owned(),
        Front::Inside(pid) => format!("inside {pid}"),
        Front::Beyond => "beyond".to_owned(),
    };
    let fields = [
        frame.shell.name().to_owned(),
        frame.key.as_str().to_owned(),
        front,
        clean(&frame.who),
        frame.serial.to_string(),
        frame.prompt.to_string(),
        number(frame.pid.map(u64::from)),
        number(frame.executable.map(|it| it.0)),
        number(frame.executable.map(|it| it.1)),
        clean(&frame.cwd),
        frame.run.map(|it| it.to_string()).unwrap_or_default(),
    ];
    fields.join(&FIELD.to_string())
}

fn frame(line: &str) -> Option<Frame> {
    let fields: Vec<&str> = line.split(FIELD).collect();
    let [shell, key, front, who, serial, prompt, pid, device, inode, cwd, run] = fields[..] else {
        return None;
    };
    let text = |it: &str| Some(it.to_owned()).filter(|it| !it.is_empty());
    Some(Frame {
        shell: Shell::of_program(shell)?,
        key: Key::new(key),
        front: match front.split_once(' ') {
            Some(("inside", pid)) => Front::Inside(pid.parse().ok()?),
            _ if front == "beyond" => Front::Beyond,
            _ => Front::Own,
        },
        who: text(who),
        serial: serial.parse().ok()?,
        prompt: prompt.parse().ok()?,
        pid: pid.parse().ok(),
        executable: device.parse().ok().zip(inode.parse().ok()),
        cwd: text(cwd),
        run: run_id(run),
    })
}

fn run_id(text: &str) -> Option<RunId> {
    let kind = if text.starts_with('h') { RunKind::Human } else { RunKind::Command };
    Some(RunId { kind, number: text.get(1..)?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_comes_back_as_it_was_kept() {
        let own = Frame {
            shell: Shell::Bash,
            key: Key::new("0123456789abcdef0123"),
            front: Front::Own,
            who: None,
            serial: 7,
            prompt: 9,
            pid: Some(4),
            executable: Some((1, 2)),
            cwd: Some("/a b".into()),
            run: Some(RunId { kind: RunKind::Command, number: 3 }),
        };
        let inside = Frame {
            shell: Shell::Dash,
            front: Front::Inside(12),
            who: Some("root@box".into()),
            pid: None,
            executable: None,
            run: None,
            ..own.clone()
        };
        let beyond = Frame { front: Front::Beyond, cwd: None, ..inside.clone() };
        let stack = vec![own, inside, beyond];
        assert_eq!(read(&write(&stack)), stack);
        assert!(read("").is_empty());
    }
}
