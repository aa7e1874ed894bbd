// The beginning: comes in, looks where the address leads, and shows that page.

import "@xterm/xterm/css/xterm.css";
import "./tokens.css";
import "./viewer.css";

import { Away, Refused, Stranger, enter, forget, get } from "./access";
import { DevicePage } from "./device";
import { HomePage } from "./home";
import { note } from "./note";
import { note_renderer } from "./renderer";
import { SessionPage } from "./session";
import { dress } from "./settings";
import type { Me } from "./wire";

/** An old page says so, and waits for the person to reload. */
function is_old(me: Me): boolean {
  const own = /\/assets\/([0-9a-f]+)\//.exec(import.meta.url)?.[1];
  return own !== undefined && own !== me.build;
}

async function begin(): Promise<void> {
  note_renderer();
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", dress);
  const entered = await enter();
  if (entered !== "in") return note(entered === "used" ? "login_used" : "login_needed");
  const me = await get<Me>("/api/v1/me");
  if (is_old(me)) return location.reload();
  const [, place, name] = /^\/(s|d)\/(.+)$/.exec(location.pathname) ?? [];
  if (me.session && place !== "s") return location.replace(`/s/${encodeURIComponent(me.session)}`);
  if (place === "s" && name) new SessionPage(decodeURIComponent(name), me);
  else if (place === "d" && name) await DevicePage.at(decodeURIComponent(name), me);
  else new HomePage(me);
}

function fail(error: unknown): void {
  if (error instanceof Stranger) return note("stranger");
  if (error instanceof Refused && error.status === 401) {
    forget();
    return note("login_ended");
  }
  if (error instanceof Away || error instanceof Refused) {
    // Tried again by this same page: loaded again, it might be another program's.
    setTimeout(() => void begin().catch(fail), 2000);
    return note("reconnecting");
  }
  throw error;
}

begin().catch(fail);
