//! Where things are on the page: the stable address of a device and of its connections, and what opens them.

use cotty_testkit::{Sshd, until};
use serde_json::json;

use crate::cards::{SECRET, keyless};
use crate::desk::client;
use crate::http::Door;
use crate::viewer::Scene;

impl Scene {
    /// Follows an address of the page, by which nobody is let in.
    fn goes_to(&mut self, path: &str) {
        let script = format!("location.origin + {}", json!(path));
        let address = self.browser.eval(&script);
        self.browser.go(address.as_str().unwrap());
    }

    fn place(&mut self) -> String {
        self.browser.eval("location.pathname + location.hash").as_str().unwrap().to_owned()
    }
}

#[test]
fn the_address_of_a_device_offers_to_open_it_and_is_the_page_of_what_lives_there() {
    let story = "the_address_of_a_device";
    let Some(sshd) = Sshd::start(story) else { return };
    let Some((home, account, _target)) = keyless(story, &sshd) else { return };
    let (user, port) = (account.name(), sshd.port());
    let devices = format!(
        "[devices.shop]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\nlabel = \"the shop\"\n\
         [devices.shop.connections.till]\nlabel = \"the till\"\n"
    );
    let Some(mut scene) = Scene::of(story, || Door::with(home, &devices)) else { return };
    let link = scene.link(&[]);
    scene.browser.go(&link);
    scene.browser.wait_text(".row", "web1");
    scene.goes_to("/d/shop/till");
    scene.browser.wait_text(".opening", "Nothing is open on shop/till");
    scene.browser.wait_text(".opening", "the till");
    scene.pen_says("Not open yet");
    scene.goes_to("/d/shop");
    scene.browser.wait_text(".opening", "Nothing is open on shop");
    scene.browser.wait_text(".top", &format!("{user}@127.0.0.1:{port}"));
    scene.browser.shot("offer");
    scene.browser.is_content();
    scene.browser.click(".pen button:text-is('Open shop')");
    // It wants a password, and the card is where it was opened.
    scene.browser.wait_text(".card", "wants the password of");
    assert_eq!(scene.place(), "/d/shop#q1");
    scene.is_calm();
    scene.browser.click(".card input.secret");
    scene.browser.type_text(SECRET);
    scene.browser.click(".card button.primary");
    scene.is_live();
    // What the host says before its shell's first prompt may look like one.
    until("the shell stands at its prompt", || {
        let list = scene.door.home.run(&["status", "shop", "--json"]);
        String::from_utf8_lossy(&list.stdout).contains(r#""state":"ready""#).then_some(())
    });
    scene.pen_says("Free");
    scene.browser.type_text("echo here-$((40 + 2))\n");
    scene.shows("here-42");
    // The address is as it was, and whoever comes by it finds the same.
    scene.goes_to("/d/shop");
    scene.is_live();
    scene.shows("here-42");
    assert_eq!(scene.place(), "/d/shop");
    // Whom an agent opens something for waits at the address of it.
    scene.goes_to("/d/local");
    scene.is_live();
    assert_eq!(scene.browser.eval("document.querySelector('h1').innerText"), "web1");
    let mut agent = client(&scene.door.home);
    drop(agent.call("ssh_close", json!({"id": "web1", "force": true})));
    scene.pen_says("Closed: ");
    scene.goes_to("/d/local");
    scene.browser.wait_text(".opening", "Nothing is open on local");
    scene.browser.eval("globalThis.same = 'page'; 0");
    drop(agent.call("ssh_connect", json!({"target": "local"})));
    scene.is_live();
    assert_eq!(scene.browser.eval("globalThis.same"), "page");
}
