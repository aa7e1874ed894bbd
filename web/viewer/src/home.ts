// The home page: what waits for you, what is open, what is closed, and what can be opened.

import { Refused, Stranger, get } from "./access";
import { age, clock, fill, h, icon, remote, shape } from "./dom";
import { note } from "./note";
import { address, open } from "./open";
import { log_out } from "./side";
import { governs } from "./wire";
import { title } from "./asked";
import type { Card, Device, Me, Session } from "./wire";
import { needs, say } from "./words";

const LOOK_MS = 2000;

/** Of so many running sessions the last line is looked at. */
const LINES_MAX = 20;

const over = (it: Session): boolean => ["exited", "closed", "lost"].includes(it.state);
const waits = (it: Session): boolean => it.running?.state === "needs_input" && it.running.id.startsWith("c");

export class HomePage {
  private readonly list = h("main", { class: "list", "aria-label": say("sessions") });
  private readonly openers = h("aside", { class: "openers", "aria-label": say("open_a_session") });
  private readonly trouble = h("p", { class: "trouble", role: "alert" });
  /** What was asked for and not done; it stays, unlike a trouble that goes by. */
  private readonly undone = h("p", { class: "trouble", role: "alert" });
  private readonly finder = h("input", { class: "field", type: "text", placeholder: say("find"), "aria-label": say("find"), autocomplete: "off", spellcheck: "false" });
  private readonly target = h("input", { class: "field", type: "text", placeholder: say("device_or_host"), "aria-label": say("device_or_host"), autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  private readonly offered = h("div");
  private readonly lines = new Map<string, string>();
  private sessions: Session[] = [];
  private cards: Card[] = [];
  private devices: Device[] = [];
  private opening = "";
  private timer = 0;
  private is_over = false;

  constructor(private readonly me: Me) {
    document.body.replaceChildren(h("div", { class: `home${governs(me.role) ? "" : " no-openers"}` },
      h("header", { class: "top" }, h("span", { class: "word" }, "cotty"), h("span", { class: "soft" }, me.instance), h("span", { class: "rule" }), this.finder, h("span", { class: "grow" }),
        h("button", { class: "bare", onclick: () => void log_out(false).then((why) => why && fill(this.undone, why)) }, say("log_out"))),
      this.list, governs(me.role) ? this.openers : null));
    this.openers.append(h("h2", {}, say("open_a_session")), this.target, this.offered);
    this.finder.addEventListener("input", () => this.draw());
    this.target.addEventListener("keydown", (event) => {
      const target = this.target.value.trim();
      if (event.key === "Enter" && target) void this.open(target);
    });
    addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === document.body && governs(me.role)) void this.open("local");
    });
    if (governs(me.role)) void get<{ devices: Device[] }>("/api/v1/devices").then((it) => { this.devices = it.devices; this.draw(); }, () => undefined);
    void this.look();
    this.timer = window.setInterval(() => { if (!document.hidden) void this.look(); }, LOOK_MS);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) void this.look(); });
  }

  private async look(): Promise<void> {
    if (this.is_over) return;
    try {
      const found = await get<{ sessions: Session[]; cards?: Card[] }>("/api/v1/sessions");
      [this.sessions, this.cards] = [found.sessions, found.cards ?? []];
      fill(this.trouble);
      const running = this.sessions.filter((it) => it.running && !over(it)).slice(0, LINES_MAX);
      await Promise.all(running.map((it) => this.last_line(it.name)));
    } catch (error) {
      // Never loaded again from here: the page of another program would be in our place.
      if (error instanceof Stranger) return this.end("stranger");
      if (error instanceof Refused && error.status === 401) return this.end("login_ended");
      fill(this.trouble, error instanceof Error && error.message ? error.message : "…");
    }
    if (!this.is_over) this.draw();
  }

  private end(word: "stranger" | "login_ended"): void {
    this.is_over = true;
    clearInterval(this.timer);
    note(word);
  }

  private async last_line(name: string): Promise<void> {
    const screen = await get<{ screen: string[] }>(`/api/v1/screen?session=${encodeURIComponent(name)}`).catch(() => undefined);
    this.lines.set(name, screen?.screen.findLast((it) => it.trim()) ?? "");
  }

  private async open(target: string): Promise<void> {
    this.opening = say("opening", { name: target });
    this.draw();
    try {
      location.assign(address(await open(target)));
    } catch (error) {
      this.opening = error instanceof Refused ? `${error.failure.what}. ${error.failure.next}` : String(error);
      this.draw();
    }
  }

  private draw(): void {
    const asking = this.sessions.filter((it) => !over(it) && waits(it));
    const wanted = this.finder.value.trim().toLowerCase();
    const found = this.sessions.filter((it) => [it.name, it.target, it.account, it.label, it.cwd, it.running?.command].some((said) => said?.toLowerCase().includes(wanted)));
    const open = found.filter((it) => !over(it));
    const closed = found.filter(over).reverse().slice(0, 20);
    const waiting = asking.length + this.cards.length;
    document.title = waiting ? `(${waiting}) cotty` : "cotty";
    const section = (word: string, ...rows: HTMLElement[]) => rows.length ? h("section", {}, h("h2", {}, word), ...rows) : null;
    const empty = wanted ? say("find_none", { what: wanted.slice(0, 40) }) : say(governs(this.me.role) ? "home_empty" : "home_empty_watching");
    fill(this.list, this.undone, this.trouble,
      waiting ? h("section", {}, h("h2", {}, say("waiting_for_you")), h("div", { class: "asks" }, ...this.cards.map((it) => this.card(it)), ...asking.map((it) => this.asks(it)))) : null,
      section(say("open_now"), ...open.map((it) => this.row(it))), open.length || (wanted && closed.length) ? null : h("p", { class: "empty" }, empty),
      section(say("closed"), ...closed.map((it) => this.row(it))));
    this.draw_openers();
  }

  private card(it: Card): HTMLElement {
    const actor = it.asked_by.role === "agent" ? "agent" : "person";
    return h("div", { class: "ask" }, h("span", { class: `${actor} by` }, shape(actor)),
      h("div", {}, h("div", { class: "name" }, remote(it.session, "")), h("div", { class: "sub" }, remote(it.asked_by.label, ""))),
      h("div", {}, h("div", {}, title(it)), h("div", { class: "sub" }, remote(it.account ?? it.target))),
      h("span", { class: "left" }, say("card_left", { t: clock(it.left_ms) })),
      h("a", { class: "button primary", href: address({ session: it.session, card: it.id }) }, say(it.kind === "host-key" ? "compare" : "answer")));
  }

  private asks(it: Session): HTMLElement {
    const by = it.holds.run_by;
    const run = it.running;
    return h("div", { class: "ask" }, h("span", { class: "agent by" }, shape("agent")),
      h("div", {}, h("div", { class: "name" }, remote(it.name, "")), h("div", { class: "sub" }, remote(by?.label ?? "", ""))),
      h("div", {}, h("div", {}, say(needs(run?.input ?? "line"), { program: run?.id ?? "" })), h("div", { class: "sub" }, remote(run?.asks ?? run?.command ?? ""))),
      h("span", { class: "left" }, clock(run?.took_ms ?? 0)),
      h("a", { class: "button primary", href: address({ session: it.name }) }, say("answer")));
  }

  private row(it: Session): HTMLElement {
    const dim = over(it);
    const dot = it.state === "lost" ? "lost" : it.running && !dim ? "runs" : "idle";
    const shell = it.shell.split("/").pop() || it.target;
    const time = it.running && !dim ? clock(it.running.took_ms) : age(it.idle_ms);
    return h("a", { class: `row${dim ? " dim" : ""}`, href: address({ session: it.name }) }, h("i", { class: `state ${dot}` }),
      h("div", {}, h("div", { class: "name" }, remote(it.name, ""), it.label ? h("span", { class: "tier" }, remote(it.label, "")) : null),
        h("div", { class: "sub" }, remote(it.account ?? say("on_this_machine", { shell })))),
      h("div", { class: "doing" }, ...this.doing(it)), this.holder(it), h("span", { class: "t" }, time));
  }

  private doing(it: Session): HTMLElement[] {
    const ours = (text: string) => h("span", { class: "ours" }, text);
    if (it.state === "lost") return [ours(say("lost", { reason: it.detail ?? "" }))];
    if (it.state === "exited") return [ours(it.detail === null ? say("ended_unknown") : say("ended", { n: it.detail }))];
    if (it.state === "closed") return [ours(say("session_closed", { reason: it.detail ?? "" }))];
    if (it.state === "opening") return [ours(say("opening", { name: it.name }))];
    if (it.running) {
      const kind = it.running.state === "needs_input" ? say(needs(it.running.input ?? "line"), { program: it.running.id }) : "";
      return [remote(it.running.command, "command mono"), kind ? h("span", { class: "sub ours" }, kind) : remote(this.lines.get(it.name) ?? "", "remote quiet")];
    }
    return [ours(it.cwd ? say("at_the_prompt", { cwd: it.cwd }) : say("at_a_prompt")), ...it.warnings.slice(0, 1).map((warning) => h("span", { class: "warn" }, warning))];
  }

  private holder(it: Session): HTMLElement {
    if (over(it)) return h("span", { class: "holder quiet" }, say("no_shell_left"));
    const by = it.holds.taken?.who ?? it.holds.run_by ?? it.holds.draft;
    if (!by) return h("span", { class: "holder quiet" }, say("free"));
    const actor = by.role === "agent" ? "agent" : by.label === this.me.label ? "you" : "person";
    return h("span", { class: `holder ${actor}` }, shape(actor), actor === "you" ? say("you") : remote(by.label, ""));
  }

  private draw_openers(): void {
    const entry = (kind: "shell" | "device", name: string, sub: string, target: string, key?: string) => h("li", {},
      h("button", { class: "opener", onclick: () => void this.open(target) }, icon(kind), h("div", {}, remote(name, ""), h("small", { class: "mono" }, remote(sub))), key ? h("kbd", {}, key) : null));
    fill(this.offered, h("ul", {}, entry("shell", say("local_shell"), "", "local", "Enter")),
      this.devices.length ? h("h3", {}, say("devices")) : null,
      h("ul", {}, ...this.devices.map((it) => entry("device", it.name, `${it.user ? `${it.user}@` : ""}${it.host}`, it.name))),
      this.opening ? h("p", { class: "opening-note", role: "status" }, remote(this.opening, "")) : null);
  }
}

