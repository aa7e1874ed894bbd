//! Asking ssh what it would do for a host (`ssh -G`), within a time limit, in an environment of our making.

use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::native::secret::one_line;
use crate::openssh::meaning::{By, answer};
use crate::openssh::said::Said;
use crate::openssh::{Answer, LIMIT, NoAnswer, OpenSsh, Question};

/// ssh says some 10 KiB.
const ANSWER_BYTES_MAX: u64 = 256 << 10;
/// Of its complaints only the first are shown.
const COMPLAINT_BYTES_MAX: u64 = 8 << 10;

/// Asks ssh about a host.
pub async fn ask(ssh: &OpenSsh, question: Question<'_>) -> Result<Answer, NoAnswer> {
    // Compared is with the same ssh without any configuration: its defaults differ from version to version. Both at once.
    let plain = Question { options: &[], ..question };
    let (said, plain) = tokio::try_join!(
        said(ssh, ssh.config.as_deref(), question),
        self::said(ssh, Some(Path::new("none")), plain)
    )?;
    Ok(answer(ssh, question, &said, &plain, By::Ssh))
}

async fn said(ssh: &OpenSsh, config: Option<&Path>, question: Question<'_>) -> Result<Said, NoAnswer> {
    let mut child = command(ssh, config, question)?.spawn()?;
    let pid = child.id();
    match timeout(LIMIT, heard(&mut child)).await {
        Ok(heard) => heard,
        Err(_) => {
            // What it started is in its group, and ends with it.
            let group = pid.and_then(|it| i32::try_from(it).ok()).and_then(rustix::process::Pid::from_raw);
            if let Some(group) = group {
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
            }
            Err(NoAnswer::Timeout)
        }
    }
}

/// Builds the command. Nothing that was typed stands where an option could.
fn command(ssh: &OpenSsh, config: Option<&Path>, question: Question) -> Result<Command, NoAnswer> {
    let mut command = Command::new(ssh.program.as_deref().ok_or(NoAnswer::NotInstalled)?);
    command.arg("-G");
    if let Some(config) = config {
        command.arg("-F").arg(ssh.expanded(config));
    }
    if let Some(user) = question.user {
        command.arg("-o").arg(format!("User={user}"));
    }
    if let Some(port) = question.port {
        command.arg("-o").arg(format!("Port={port}"));
    }
    for (word, value) in question.options {
        command.arg("-o").arg(format!("{word}={value}"));
    }
    command.arg("--").arg(question.host);
    command.env_clear().envs(ssh.environment()).env("SHELL", "/bin/sh");
    command.envs(question.agent.map(|it| ("SSH_AUTH_SOCK", it)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.current_dir("/").process_group(0).kill_on_drop(true);
    Ok(command)
}

async fn heard(child: &mut Child) -> Result<Said, NoAnswer> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (answer, complaint) =
        tokio::try_join!(read(stdout, ANSWER_BYTES_MAX), read(stderr, COMPLAINT_BYTES_MAX))?;
    if child.wait().await?.success() {
        let lines = answer.lines().filter_map(|it| it.split_once(' '));
        return Ok(Said(lines.map(|(word, value)| (word.to_lowercase(), value.to_owned())).collect()));
    }
    Err(NoAnswer::Refused(one_line(&complaint)))
}

/// Reads up to a limit. What comes after it finds a closed pipe.
async fn read(from: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(bytes_max).read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
