//! The smallest program that is a holder: `hold STATE_DIR [LINGER_MS [DETACHED_WAIT_MS [FORGET_AFTER_MS]]]`, or that of one
//! command: `hold hold --isolated`. The tests start it.

use std::time::Duration;

use cotty_host::holder::isolated::serve;
use cotty_host::holder::server::{self, Manners};
use cotty_host::state_dir::StateDir;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a state directory")?;
    if path == "hold" {
        return Ok(serve::run()?);
    }
    let mut manners = Manners::default();
    let mut milliseconds = || arguments.next().and_then(|it| it.parse().ok()).map(Duration::from_millis);
    manners.linger = milliseconds().unwrap_or(manners.linger);
    manners.detached_wait = milliseconds().unwrap_or(manners.detached_wait);
    manners.forget_after = milliseconds().unwrap_or(manners.forget_after);
    Ok(server::run(&StateDir::open(path)?, manners)?)
}
