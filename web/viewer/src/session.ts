// The page of one session: top bar, stage, pen bar, side. Everything has its place from the first paint.

import { get } from "./access";
import { fill, h, icon, remote } from "./dom";
import { title } from "./asked";
import { Cards } from "./cards";
import { Chords } from "./chords";
import { Cut, UNSEEN_MS } from "./cut";
import { draw_pen, draw_presence } from "./frame";
import { KeyBar } from "./keybar";
import { draw_opening, page_title } from "./opening";
import { bar, keys as where_keys_go } from "./pen";
import { draw_with_card } from "./renderer";
import { Search } from "./search";
import type { Act, Known } from "./pen";
import { fetch_printed } from "./printed";
import { Predicting } from "./predicting";
import { is_phone, is_wide } from "./settings";
import { Side } from "./side";
import type { Seen } from "./side";
import { Socket } from "./socket";
import { Standing } from "./standing";
import { Screen } from "./terminal";
import { Told } from "./told";
import { Typing } from "./typing";
import { writes } from "./wire";
import type { Frame, FromServer, Holds, Me, Session } from "./wire";
import { say } from "./words";

export class SessionPage {
  readonly known: Known;
  readonly screen: Screen;
  readonly socket: Socket;
  private readonly side: Side;
  private readonly keybar: KeyBar;
  private readonly cards: Cards;
  readonly predicting: Predicting;
  private readonly typing = new Typing(this);
  private readonly search: Search;
  private readonly chords: Chords;
  private readonly opening = h("div", { class: "opening" });
  /** The card that the address names. */
  private wanted = /^#(q\d+)$/.exec(location.hash)?.[1];
  private readonly frame_element: HTMLElement;
  private readonly heading = h("h1");
  private readonly address = h("span", { class: "addr mono" });
  private readonly presence = h("ul", { class: "presence", "aria-label": say("here_now") });
  private readonly pen = h("footer", { class: "pen", "aria-label": say("pen") });
  readonly told = new Told(() => this.draw());
  private readonly cut: Cut;
  private readonly standing: Standing;
  private viewers: string[] = [];
  private rung = false;
  private has_gate = false;
  private renderer = "";
  private is_over = false;

  constructor(private name: string, private readonly me: Me) {
    this.known = {
      role: me.role, me: me.label, mode: "human-first", holds: {}, taken_until: 0, state: "opening", detail: null, run: undefined, shell: name,
      live: false, lost_at: undefined, tries: 0, next_try: 0, lines_up: 0, silent: undefined, card: undefined, coming: false,
    };
    this.cut = new Cut(this.known);
    this.standing = new Standing(() => this.name, () => !me.session && !this.frame_element.classList.contains("no-side"), (it) => this.stands(it));
    const stage = h("div", { class: "term" });
    const more = h("button", { class: "bare", "aria-label": say("more"), "aria-pressed": "false", onclick: () => this.toggle_side() }, icon("more"));
    const back = me.session ? null : h("a", { class: "button bare", href: "/" }, icon("back"), h("span", { class: "wide-only" }, say("sessions")));
    const look_for = h("button", { class: "bare", "aria-label": say("search"), onclick: () => void this.search.open() }, icon("search"));
    this.side = new Side(this, more);
    this.cards = new Cards({
      session: () => this.name,
      role: me.role,
      speak: (said, at_once) => this.told.speak(said, at_once),
      changed: () => this.cards && this.card_changed(),
      leave: (dropped, did) => this.leave_card(dropped, did),
    });
    this.keybar = new KeyBar((keys) => this.typing.type(keys), (text) => this.typing.paste(text), () => void this.search.open(), () => this.screen.xterm.textarea);
    this.frame_element = h("div", { class: "frame no-side" },
      h("header", { class: "top" }, back, back && h("span", { class: "rule" }), this.heading, this.address,
        h("span", { class: "grow" }), this.presence, h("span", { class: "rule wide-only" }), look_for, more),
      h("main", { class: "stage", "aria-label": say("terminal", { name }) }, h("div", { class: "gutter", "aria-hidden": "true" }), stage, this.opening),
      this.pen, this.keybar.element, this.side.element, this.told.spoken);
    document.body.replaceChildren(this.frame_element);
    this.place_cards();
    matchMedia("(max-width: 767px)").addEventListener("change", () => this.place_cards());
    fill(this.heading, remote(name, ""));
    this.chords = new Chords(stage, {
      strip: (shown) => shown ? this.told.tell({ said: say("strip") }, 0) : this.told.untell(),
      type: (keys) => this.typing.type(keys),
      act: (act) => this.act(act),
      pen: () => this.act(bar(this.known, Date.now()).acts.map((it) => it.act).find((it) => it === "release" || it === "take" || it === "take_over")),
      copy: () => this.typing.copy(),
      search: () => void this.search.open(),
      sessions: () => me.session ? undefined : location.assign("/"),
      side: () => this.toggle_side(),
      leave: () => (this.pen.querySelector<HTMLElement>("button") ?? this.frame_element.querySelector<HTMLElement>(".top a, .top button"))?.focus(),
      scroll: (key) => this.screen.scroll(key),
    });
    this.screen = new Screen(stage, {
      key: (keys) => this.typing.type(this.keybar.with_held(keys)),
      mouse: (event) => this.typing.is_allowed && this.socket.mouse(event),
      paste: (text) => this.typing.paste(text),
      chord: (event) => this.chords.takes(event),
      scrolled: (up) => this.scrolled(up),
      points_at: (url) => this.point_at(url),
      bell: () => this.ring(),
    });
    this.predicting = new Predicting(this.screen);
    this.search = new Search(this.screen, () => this.focus());
    look_for.before(this.search.element);
    void draw_with_card(this.screen.xterm).then((it) => { this.renderer = it; });
    this.socket = new Socket(name, {
      message: (it) => this.heard(it),
      frame: (it) => this.printed(it),
      away: (tries, next) => this.away(tries, next),
      back: (dropped) => this.is_back(dropped),
      over: (why, what) => this.over(why, what),
    }, () => this.asked_size());
    addEventListener("resize", () => this.fit());
    document.addEventListener("visibilitychange", () => this.title());
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.screen.dress());
    addEventListener("hashchange", () => {
      this.wanted = /^#(q\d+)$/.exec(location.hash)?.[1];
      if (this.wanted && this.cards.open) this.show_card();
    });
    setInterval(() => { this.cards.tick(); this.draw(); }, 1000);
    void this.socket.open();
    void this.standing.look();
    this.draw();
    if (!this.wanted) this.screen.xterm.focus();
  }

  // What the side and others ask of the page.

  get session(): string { return this.name; }
  get role(): string { return this.known.role; }
  get is_bound(): boolean { return !!this.me.session; }
  get seen(): Seen {
    const { viewers, known, renderer, standing: { status, evidence } } = this;
    return { status, viewers, known, evidence, renderer, instance: this.me.instance, round_trip_ms: this.predicting.it.round_trip_ms };
  }

  /** Gives the session another name, or other words for people. */
  async rename(to: { name: string } | { label: string }): Promise<void> {
    const order = { session: this.name, ...to };
    await get<Session>("/api/v1/rename", order).then((it) => this.is_renamed(it.name), (error: Error) => this.told.tell({ said: error.message }));
  }

  dress(): void {
    this.screen.dress();
    this.fit();
  }

  choose(mode: string): void {
    this.socket.mode(mode);
  }

  ask_close(): void {
    this.told.tell({
      said: this.known.run ? say("close_ask_runs", { name: this.name, id: this.known.run.id }) : say("close_ask", { name: this.name }),
      acts: [
        { word: say("close"), primary: true, does: () => void this.close() },
        { word: say("keep_open"), does: () => this.told.untell() },
      ],
    }, 0);
  }

  said(what: string): void {
    this.told.tell({ said: what });
  }

  focus(): void {
    this.screen.xterm.focus();
  }

  private async close(): Promise<void> {
    this.told.untell();
    await get("/api/v1/close", { id: this.name, force: true }).catch((error: Error) => this.told.tell({ said: error.message }));
  }

  // What the page does.

  private scrolled(up: number): void {
    if (up === this.known.lines_up) return;
    this.known.lines_up = up;
    this.draw();
  }

  private act(act: Act | undefined): void {
    if (act === "take" || act === "take_over") this.socket.pen(true);
    else if (act === "release" && this.has_pen()) this.socket.pen(false);
    else if (act === "release") this.socket.mode("human-first");
    else if (act === "park" || act === "put_back") this.socket.park(act === "park");
    else if (act === "interrupt") this.typing.type("\x03");
    else if (act === "reload") return location.reload();
    else if (act === "try_now") this.socket.now();
    else if (act === "back") {
      this.screen.xterm.scrollToBottom();
      this.scrolled(0);
    } else if (act === "new_shell") void this.again();
    else if (act === "stop_opening") void this.close();
    else if (act === "answer" || act === "compare") return this.show_card();
    this.focus();
  }

  private has_pen(): boolean {
    return this.known.holds.taken?.who.label === this.known.me;
  }

  /** Who may write, as the daemon has it. */
  private held(mode: string, holds: Holds): void {
    const { known } = this;
    const before = (known.holds.taken?.who ?? known.holds.run_by)?.label;
    const is_back = known.holds.parked?.label === known.me && holds.draft?.label === known.me;
    [known.mode, known.holds] = [mode, holds];
    known.taken_until = Date.now() + (holds.taken?.left_ms ?? 0);
    const now = (holds.taken?.who ?? holds.run_by)?.label;
    if (is_back) this.told.tell({ said: say("pen_unparked"), keys: where_keys_go(known) });
    if (now && now !== before) this.told.speak(say("spoken_pen", { who: now === known.me ? say("you") : now }));
  }

  private async again(): Promise<void> {
    const order = { name: this.name, target: this.standing.status?.target ?? "local", wait_ms: 10_000 };
    await get("/api/v1/sessions", order).then(() => location.reload(), (error: Error) => this.told.tell({ said: error.message }));
  }

  // What the daemon says.

  private heard(it: FromServer): void {
    const { known } = this;
    if (it.type === "welcome") {
      known.role = it.you.role;
      known.me = it.you.label;
      this.predicting.it.begin(this.socket.last);
      this.screen.resize(it.cols, it.rows);
    } else if (it.type === "gate") {
      this.has_gate = true;
      this.held(it.mode, it.holds);
      this.side.draw();
    } else if (it.type === "run") {
      const since = known.run?.id === it.id ? known.run.since : Date.now();
      const open = it.state === "running" || it.state === "needs_input" || it.state === "nested" || it.state === "unknown";
      known.run = open ? { id: it.id, state: it.state, input: it.input, since } : undefined;
      if (it.state === "completed") this.told.speak(say("spoken_ended", { id: it.id, exit: 0, n: it.exit ?? "" }));
      void this.standing.look();
    } else if (it.type === "cards") {
      this.cards.heard(it.cards, it.ended ?? []);
      if (this.wanted && this.cards.open) this.show_card();
    } else if (it.type === "echo") {
      this.predicting.it.echo(it.seq, it.echo, performance.now());
      return this.predicting.draw();
    } else if (it.type === "wrote") {
      this.predicting.it.wrote(performance.now());
      return this.predicting.draw();
    } else if (it.type === "presence") {
      this.viewers = it.who;
      this.side.draw();
    } else if (it.type === "renamed") {
      this.is_renamed(it.session);
    } else if (it.type === "size") {
      this.screen.resize(it.cols, it.rows);
      this.predicting.drop();
    } else if (it.type === "state") {
      [known.state, known.detail] = [it.session, it.detail];
      this.predicting.it.stands(it.session === "ready");
      this.predicting.draw();
      if (it.session === "ready") known.run = undefined;
      void this.standing.look();
    } else if (it.type === "gap") {
      this.cut.lose(it.reason);
    } else if (it.type === "paste_asks") {
      this.typing.ask_paste(it.seq, it.lines);
    } else if (it.type === "refused") {
      this.told.tell({ said: it.failure.what });
    }
    this.title();
    this.draw();
  }

  private async printed(it: Frame): Promise<void> {
    const { have } = this.socket;
    if (it.repaint) {
      const history = await fetch_printed(this.name, have, it).catch(() => undefined);
      if (history) await this.screen.write(history.bytes);
      if (have && !history?.whole) this.cut.skip();
      await this.screen.write(it.bytes);
      const resumed = this.cut.repainted(!!have);
      if (resumed) {
        this.told.tell(resumed);
        this.told.speak(resumed.said);
      }
    } else {
      await this.screen.write(it.bytes);
    }
    this.predicting.printed();
    this.screen.follow_cursor();
  }

  private is_back(dropped: number): void {
    this.cut.back(dropped);
    this.draw();
    void this.compare_build();
  }

  /** A daemon that was started anew may have a newer page: it is offered, and waits for the person. */
  private async compare_build(): Promise<void> {
    const now = await get<Me>("/api/v1/me").catch(() => undefined);
    if (!now || now.build === this.me.build || this.known.is_old) return;
    this.known.is_old = true;
    this.draw();
  }

  private away(tries: number, next_ms: number): void {
    this.cut.away(tries, next_ms);
    this.predicting.drop();
    setTimeout(() => this.draw(), UNSEEN_MS - (Date.now() - (this.known.lost_at ?? 0)) + 10);
    this.draw();
  }

  private over(why: string, what: string): void {
    this.known.live = false;
    if (why === "ended") {
      void this.standing.look();
      if (!["exited", "lost", "closed"].includes(this.known.state)) [this.known.state, this.known.detail] = ["closed", what];
    } else if (why === "stranger") {
      this.told.tell({ said: say("stranger"), keys: say("keys_none") }, 0);
      this.known.state = "stranger";
    } else if (why === "access") {
      this.told.tell({ said: say("login_ended"), keys: say("keys_none") }, 0);
    } else {
      const home = this.me.session ? [] : [{ word: say("go_to_sessions"), does: () => location.assign("/") }];
      this.told.tell({ said: why === "missing" ? say("not_found", { name: this.name }) : what, keys: say("keys_none"), acts: home }, 0);
    }
    this.is_over = true;
    this.draw();
  }

  /** The session is the same, and so is this page; its address follows, unless it is the one of a device. */
  private is_renamed(name: string): void {
    this.name = this.socket.session = name;
    fill(this.heading, remote(name, ""));
    if (location.pathname.startsWith("/s/")) history.replaceState(null, "", `/s/${encodeURIComponent(name)}${location.hash}`);
    void this.standing.look();
  }

  private stands(status: Session): void {
    const { known } = this;
    // What the socket has said of the gate is newer than any answer that was asked for before.
    if (!this.has_gate) this.held(status.mode, status.holds);
    [known.state, known.detail] = [status.state, status.detail];
    known.shell = status.shell.split("/").pop() || this.name;
    const run = status.running;
    known.run = run ? { id: run.id, state: run.state, input: run.input, since: Date.now() - run.took_ms } : undefined;
    known.silent = status.silent_ms === undefined ? undefined : { host: status.account ?? this.name, since: Date.now() - status.silent_ms };
    this.viewers = status.viewers;
    this.side.draw();
    this.title();
    this.draw();
  }

  // Cards.

  /** On a phone a card is a sheet in the place of the keys; elsewhere it stands at the foot of the side. */
  private place_cards(): void {
    (is_phone() ? this.frame_element : this.side.element).append(this.cards.element);
    this.card_changed();
  }

  /** A person wants the card before their eyes. */
  private show_card(): void {
    this.wanted = undefined;
    if (is_phone()) this.frame_element.classList.add("sheet");
    else if (this.frame_element.classList.contains("no-side")) this.toggle_side();
    this.cards.focus();
    this.card_changed();
  }

  private leave_card(dropped: number, did?: string): void {
    if (did || this.cards.is_empty) this.frame_element.classList.remove("sheet");
    if (did && is_phone()) this.told.tell({ said: did });
    if (dropped) this.told.tell({ said: say("keys_dropped", { n: dropped }) });
    this.card_changed();
    this.focus();
  }

  private card_changed(): void {
    const card = this.cards.open;
    const shown = this.frame_element.classList;
    const open = is_phone() ? shown.contains("sheet") : !shown.contains("no-side");
    this.known.card = card && { who: card.asked_by.label, title: title(card), key: card.kind === "host-key", open, focus: this.cards.has_focus };
    this.title();
    this.draw();
  }

  // The stage.

  /** The size that is asked for: a phone in portrait never shrinks a session, and who only watches asks for none. */
  private asked_size(): { cols: number; rows: number } | undefined {
    if (!writes(this.known.role) || is_phone()) return undefined;
    return this.screen.room();
  }

  private fit(): void {
    const room = this.asked_size();
    if (room) this.socket.resize(room.cols, room.rows);
    this.screen.resize(this.screen.xterm.cols, this.screen.xterm.rows);
  }

  private toggle_side(): void {
    const open = this.frame_element.classList.toggle("no-side");
    this.side.shown(!open);
    if (!open) void this.standing.look();
    if (is_wide()) this.fit();
    else this.screen.follow_cursor();
    this.card_changed();
    if (open) this.focus();
  }

  // What stands around it.

  /** The host that a link truly leads to comes first, whatever stands before an @ in it. */
  private point_at(url: string | undefined): void {
    if (!url || !URL.canParse(url)) return this.told.untell();
    const { host, href } = new URL(url);
    this.told.tell({ said: say("link_hint", { host, url: href.slice(0, 120) }) });
  }

  private ring(): void {
    this.rung = document.hidden;
    this.title();
  }

  private title(): void {
    if (!document.hidden) this.rung = false;
    document.title = page_title(this.name, this.known, this.rung);
  }

  draw(): void {
    // A page that cannot be seen draws nothing.
    if (document.hidden || !this.pen) return;
    const now = Date.now();
    const said = bar(this.known, now);
    const stale = !this.known.live && (this.is_over || (this.known.lost_at !== undefined && now - this.known.lost_at >= UNSEEN_MS));
    this.frame_element.classList.toggle("stale", stale);
    // Where keys go nowhere the cursor is hollow.
    this.frame_element.classList.toggle("hollow", said.keys === say("keys_none"));
    this.known.coming = this.known.state === "opening" && !!this.standing.status?.account;
    this.frame_element.classList.toggle("coming", this.known.coming);
    if (this.known.coming) draw_opening(this.opening, this.name, this.known, this.standing.status?.health_why);
    draw_pen(this.pen, said, this.told.message, this.known, (act) => this.act(act));
    this.keybar.draw(this.known.run);
    const { status } = this.standing;
    if (status) fill(this.address, remote(status.account ?? say("on_this_machine", { shell: this.known.shell }), "remote"));
    draw_presence(this.presence, this.viewers, this.known);
  }
}
