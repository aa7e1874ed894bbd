// The cards of a session: what only a person may answer. One is open, the oldest; it takes no focus, accepts nothing by
// Enter and nothing in its first moment, and what became of it stays where it was.

import { Refused, settle } from "./access";
import { account, compare, is_safe_here, rows, sentence, title } from "./asked";
import { clock, fill, h, remote, shape } from "./dom";
import { settings } from "./settings";
import type { Card, EndedCard } from "./wire";
import { say, say_with } from "./words";

/** A card that was just drawn takes neither key nor click. */
const CALM_MS = 500;

/** A card, and what is drawn of it. */
interface Drawn {
  card: Card;
  ends: number;
  element: HTMLElement;
  left: HTMLElement;
  field: HTMLInputElement | undefined;
  shown_at: number;
  /** What became of it. */
  over?: boolean;
}

/** What the cards ask of their page. */
export interface Table {
  /** Its name, which may be another later. */
  readonly session: () => string;
  readonly role: string;
  speak(said: string, at_once: boolean): void;
  /** Another card is open, or none is. */
  changed(): void;
  /** The person is done here: so many keys went nowhere, or this is what they did. */
  leave(keys_dropped: number, did?: string): void;
}

export class Cards {
  readonly element = h("div", { class: "now" });
  private readonly more = h("p", { class: "more-wait" });
  private drawn: Drawn | undefined;
  private mine: Card[] = [];
  private others = 0;
  private ended: EndedCard[] = [];
  private swallowed = 0;
  private told: string | undefined;
  private readonly noted = new Set<string>();

  constructor(private readonly table: Table) {
    // Before any of ours or of the browser's: what was meant for the terminal a moment ago does nothing here.
    for (const kind of ["keydown", "keypress", "beforeinput", "paste", "pointerdown", "mousedown", "click"]) {
      this.element.addEventListener(kind, (event) => this.is_early() && stop(event), true);
    }
    this.element.addEventListener("focusin", () => this.table.changed());
    this.element.addEventListener("focusout", () => this.table.changed());
  }

  /** The card that is open. */
  get open(): Card | undefined {
    return this.drawn?.over ? this.mine[0] : this.drawn?.card ?? this.mine[0];
  }

  /** Whether keys go to a card just now. */
  get has_focus(): boolean {
    return this.element.contains(document.activeElement);
  }

  /** Whether there is anything to see. */
  get is_empty(): boolean {
    return !this.drawn && !this.mine.length;
  }

  /** Takes what the daemon tells. */
  heard(cards: Card[], ended: EndedCard[]): void {
    const got_at = performance.now();
    this.mine = cards.filter((it) => it.session === this.table.session()).map((it) => ({ ...it, ends: got_at + it.left_ms }));
    this.others = cards.length - this.mine.length;
    this.ended = ended;
    // Also of one that waits behind what the person has before them.
    for (const it of this.mine) {
      if (!this.noted.has(it.id)) notify(it, this.table.session());
      this.noted.add(it.id);
    }
    this.draw();
  }

  /** Puts the focus on the card: a person's own act. */
  focus(): void {
    (this.drawn?.field ?? this.drawn?.element.querySelector<HTMLElement>("button, [tabindex]"))?.focus();
  }

  draw(): void {
    const { drawn } = this;
    const gone = drawn && !drawn.over && !this.mine.some((it) => it.id === drawn.card.id);
    if (gone) this.end(drawn, this.outcome(drawn.card));
    if (!this.drawn || (this.drawn.over && !this.has_focus && this.mine.length)) this.show(this.mine[0]);
    const waiting = this.mine.length - (this.drawn && !this.drawn.over ? 1 : 0) + this.others;
    fill(this.more, waiting > 0 && this.drawn ? say("card_more", { n: waiting }) : null);
    this.tick();
    this.table.changed();
  }

  /** Counts down, once a second. */
  tick(): void {
    const { drawn } = this;
    if (!drawn || drawn.over) return;
    const left = drawn.ends - performance.now();
    drawn.left.textContent = say("card_left", { t: clock(left) });
    const seconds = Math.round(left / 1000);
    if (seconds === 60 || seconds === 10) this.table.speak(say("card_left", { t: `${seconds} s` }), true);
  }

  private is_early(): boolean {
    return !!this.drawn && !this.drawn.over && performance.now() - this.drawn.shown_at < CALM_MS;
  }

  private show(card: Card | undefined): void {
    this.drawn = card && this.make(card);
    this.element.replaceChildren(...(this.drawn ? [this.drawn.element, this.more] : []));
    if (!card || this.told === card.id) return;
    this.told = card.id;
    this.table.speak(say("spoken_card", { title: title(card), name: this.table.session() }), true);
  }

  private outcome(card: Card): string {
    const how = this.ended.find((it) => it.id === card.id)?.how ?? "";
    if (/ in time$/.test(how)) return say("card_time_over");
    const who = /^(.*) (answered|denied) it$/.exec(how)?.[1];
    return who ? say("card_answered_by", { who }) : say("card_gone");
  }

  /** The card is none any more. What has the focus keeps it, and keys are swallowed there until the person leaves. */
  private end(drawn: Drawn, said: string): void {
    const had_focus = drawn.element.contains(document.activeElement);
    wipe(drawn);
    drawn.over = true;
    this.swallowed = 0;
    const done = h("p", { class: "outcome", tabindex: "0", onclick: () => this.dismiss() }, said);
    done.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
      stop(event);
      if (event.key.length === 1) this.swallowed += 1;
    });
    drawn.left.textContent = "";
    drawn.element.classList.remove("wanted");
    drawn.element.querySelector(".body")?.replaceChildren(done);
    if (had_focus) done.focus();
    this.table.speak(said, false);
  }

  /** The person has read the outcome, or has answered. */
  dismiss(): void {
    if (!this.drawn?.over) return;
    this.show(this.mine[0]);
    this.draw();
    this.table.leave(this.swallowed);
  }

  private make(card: Card): Drawn {
    const left = h("span", { class: "left" });
    const element = h("section", { class: "card wanted", "aria-labelledby": `card-${card.id}` },
      h("header", {}, h("h3", { id: `card-${card.id}` }, title(card)), left));
    const drawn: Drawn = { card, ends: card.ends ?? performance.now() + card.left_ms, element, left, field: undefined, shown_at: performance.now() };
    element.append(h("div", { class: "body" }, ...this.body(drawn)));
    return drawn;
  }

  private body(drawn: Drawn): HTMLElement[] {
    const { card } = drawn;
    const { word, filled } = sentence(card);
    const names = Object.fromEntries(Object.entries(filled).map(([name, value]) => [name, h("b", {}, remote(value, ""))]));
    const asked = card.kind === "host-key" || this.table.role === "operator" ? h("p", { class: "say" }, ...say_with(word, names)) : null;
    const or_run = h("p", { class: "fine" }, ...this.notes(card));
    const parts = this.table.role !== "operator"
      ? [h("p", { class: "say" }, ...say_with("card_not_yours", { command: h("code", {}, `cotty answer ${card.id}`) })), facts(card)]
      : !is_safe_here(location)
        ? [asked, facts(card), h("p", { class: "say" }, ...say_with("card_not_here", { command: h("code", {}, `cotty answer ${card.id}`) }))]
        : [asked, ...(card.kind === "host-key" ? this.key(drawn) : this.secret(drawn)), or_run];
    return parts.filter((it): it is HTMLElement => !!it);
  }

  private notes(card: Card): (string | Node)[] {
    const command = h("code", {}, `cotty answer ${card.id}`);
    const first = say(card.kind === "host-key" ? "hostkey_note" : "secret_note", { program: card.kind === "passphrase" ? "ssh" : account(card).host });
    const save = this.is_password(card) ? [say("secret_save_offer"), h("br")] : [];
    return [first, h("br"), ...save, ...say_with("card_or_run", { command })];
  }

  private key(drawn: Drawn): (HTMLElement | null)[] {
    const { card } = drawn;
    const key = card.key ?? "";
    const verdict = h("span", { class: "verdict", role: "status" });
    const field = plain(h("input", { class: "field", placeholder: say("hostkey_compare"), "aria-label": say("hostkey_compare") }));
    field.addEventListener("input", () => {
      const found = compare(field.value, key);
      verdict.className = `verdict ${found ?? ""}`;
      verdict.textContent = found === "same" ? say("hostkey_same") : found ? say("hostkey_different") : "";
    });
    drawn.field = field;
    const trust = this.button(drawn, say("hostkey_trust"), "", () => this.send(drawn, key));
    enter_goes_to(field, trust);
    return [
      h("div", { class: "prints" }, h("small", {}, `${card.algorithm ?? ""}, SHA256`), ...rows(key).flatMap((it) => [document.createTextNode(it), h("br")])),
      ...helps(card.helps ?? []), h("div", { class: "compare" }, field, verdict), facts(card),
      h("div", { class: "actions" }, trust, this.button(drawn, say("refuse"), "", () => this.send(drawn, undefined))),
    ];
  }

  private is_password(card: Card): boolean {
    if (card.echo) return false;
    return settings().reader || matchMedia("(pointer: coarse)").matches || !CSS.supports("-webkit-text-security", "disc");
  }

  private secret(drawn: Drawn): (HTMLElement | null)[] {
    const { card } = drawn;
    const is_password = this.is_password(card);
    const masked = card.echo ? "field" : is_password ? "field secret" : "field secret masked";
    const field = plain(h("input", { class: masked, type: is_password ? "password" : "text", "aria-label": title(card) }));
    drawn.field = field;
    const send = this.button(drawn, say("secret_send", { program: card.kind === "passphrase" ? "ssh" : account(card).host }), "primary", () => this.send(drawn, field.value));
    enter_goes_to(field, send);
    const show = card.echo ? null : this.shower(field, is_password);
    return [facts(card), field, h("div", { class: "actions" }, send, this.button(drawn, say("refuse"), "", () => this.send(drawn, undefined)), h("span", { class: "grow" }), show)];
  }

  /** Shows what was typed, for as long as it is pressed. */
  private shower(field: HTMLInputElement, is_password: boolean): HTMLElement {
    const show = h("button", { class: "bare", type: "button" }, say("secret_show"));
    const shown = (it: boolean) => () => {
      if (is_password) field.type = it ? "text" : "password";
      else field.classList.toggle("masked", !it);
    };
    show.addEventListener("pointerdown", shown(true));
    for (const end of ["pointerup", "pointerleave", "pointercancel", "blur"]) show.addEventListener(end, shown(false));
    return show;
  }

  /** A button that takes a click or Space, and never Enter. */
  private button(drawn: Drawn, word: string, kind: string, does: () => Promise<void>): HTMLButtonElement {
    const made = h("button", { class: kind, type: "button" }, word);
    made.addEventListener("keydown", (event) => event.key === "Enter" && stop(event));
    made.addEventListener("click", () => {
      if (drawn.over) return;
      for (const it of drawn.element.querySelectorAll("button")) it.disabled = true;
      void does();
    });
    return made;
  }

  private async send(drawn: Drawn, answer: string | undefined): Promise<void> {
    const sent = settle(drawn.card.id, this.table.session(), answer);
    wipe(drawn);
    try {
      await sent;
      const did = say(answer === undefined ? "card_refused" : "card_sent");
      if (!drawn.over) this.end(drawn, did);
      this.mine = this.mine.filter((it) => it.id !== drawn.card.id);
      this.table.leave(0, did);
      this.draw();
    } catch (error) {
      // Whoever was first has answered it; else what was typed is gone and may be typed again.
      if (drawn.over) return;
      const why = error instanceof Refused ? error.failure.what : say("nobody_answers");
      fill(drawn.element.querySelector(".body") ?? drawn.element, ...this.body(drawn), h("p", { class: "trouble", role: "alert" }, remote(why, "")));
      this.focus();
    }
  }
}

function stop(event: Event): void {
  event.preventDefault();
  event.stopImmediatePropagation();
}

/** Nothing of what was typed stays: a field that is gone has no undo. */
function wipe(drawn: Drawn): void {
  for (const field of drawn.element.querySelectorAll("input")) {
    field.value = "";
    field.replaceWith(h("div", { class: "field" }));
  }
  drawn.field = undefined;
}

/** No manager of passwords and no keyboard is to learn from it. */
function plain(field: HTMLInputElement): HTMLInputElement {
  const said = { autocomplete: "off", autocorrect: "off", autocapitalize: "none", spellcheck: "false", "data-1p-ignore": "", "data-lpignore": "true", "data-bwignore": "", "data-form-type": "other" };
  for (const [name, value] of Object.entries(said)) field.setAttribute(name, value);
  return field;
}

function enter_goes_to(field: HTMLInputElement, button: HTMLElement): void {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    stop(event);
    button.focus();
  });
}

function facts(card: Card): HTMLElement {
  const fact = (word: Parameters<typeof say>[0], value: string | undefined) => value ? [h("dt", {}, say(word)), h("dd", {}, remote(value))] : [];
  const agent = card.asked_by.role === "agent";
  return h("dl", { class: "facts" },
    ...fact("card_host", card.account), ...fact("card_says", card.words), ...(card.kind === "host-key" ? [] : fact("card_key", card.key)),
    h("dt", {}, say("card_asked_by")), h("dd", { class: agent ? "agent" : "person" }, shape(agent ? "agent" : "person"), remote(card.asked_by.label, "")),
    ...fact("card_why", card.why), ...(card.attempt > 1 ? fact("card_try", String(card.attempt)) : []));
}

/** Tells a person who looks elsewhere. Nothing of the remote's is in it. */
function notify(card: Card, session: string): void {
  if (!document.hidden || !("Notification" in globalThis) || Notification.permission !== "granted" || !settings().notify) return;
  new Notification(say("notify_title", { title: title(card), name: session }), { tag: card.id, body: `cotty answer ${card.id}` });
}

/** What helps to judge a key: under which other names it is known, and its picture for those who know that. */
function helps(lines: string[]): HTMLElement[] {
  const is_picture = (it: string) => /^[+|]/.test(it);
  const known = lines.filter((it) => !is_picture(it)).map((it) => h("p", { class: "say" }, remote(it, "")));
  const picture = lines.filter(is_picture).join("\n");
  if (!picture) return known;
  return [...known, h("details", { class: "picture" }, h("summary", {}, say("hostkey_picture")), h("pre", {}, picture))];
}
