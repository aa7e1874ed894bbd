// The side: who may type, who is here, what runs, how the session stands, and what this browser prefers.

import { Refused, Stranger, forget, get } from "./access";
import { age, fill, h, remote, shape } from "./dom";
import type { Known } from "./pen";
import { choose, settings } from "./settings";
import { governs } from "./wire";
import type { Evidence, Session } from "./wire";
import { say } from "./words";

/** What the page knows. */
export interface Seen {
  status: Session | undefined; viewers: string[]; known: Known; instance: string;
  evidence: Evidence | undefined; renderer: string; round_trip_ms: number;
}

/** So many of the last steps of a verdict are shown. */
const STEPS_MAX = 8;

/** What the side asks of its page. */
interface Page {
  readonly session: string;
  readonly role: string;
  /** Its login is of this session alone. */
  readonly is_bound: boolean;
  readonly seen: Seen;
  rename(to: { name: string } | { label: string }): Promise<void>;
  choose(mode: string): void;
  ask_close(): void;
  dress(): void;
  focus(): void;
  said(what: string): void;
}

const MODES = ["common", "human-first", "human-only", "agent-only"] as const;
const MODE_WORDS = { common: "mode_common", "human-first": "mode_human_first", "human-only": "mode_human_only", "agent-only": "mode_agent_only" } as const;

export class Side {
  readonly element = h("aside", { class: "side", "aria-label": say("more") });
  private readonly blocks = this.element.appendChild(h("div", { class: "scrolls" }));
  private open = false;

  constructor(private readonly page: Page, private readonly button: HTMLElement) {}

  shown(open: boolean): void {
    this.open = open;
    this.button.setAttribute("aria-pressed", String(open));
    this.draw();
  }

  draw(): void {
    if (!this.open) return;
    fill(this.blocks, h("div", { class: "blocks" }, this.modes(), this.here(), this.labelled(), this.diagnostics(), this.verdict(), this.settings(), this.ways_out()));
  }

  private modes(): HTMLElement {
    const { known } = this.page.seen;
    const may = governs(this.page.role);
    const rows = MODES.map((mode) => h("button", {
      class: `choice${known.mode === mode ? " on" : ""}`, role: "radio", "aria-checked": String(known.mode === mode), disabled: !may,
      onclick: () => this.page.choose(mode),
    }, say(MODE_WORDS[mode])));
    return h("section", { role: "radiogroup", "aria-label": say("who_may_type") }, h("h2", {}, say("who_may_type")), h("div", { class: "choices" }, ...rows));
  }

  private here(): HTMLElement {
    const { viewers, known } = this.page.seen;
    const by = known.holds.run_by;
    const own = viewers.indexOf(known.me);
    const people = viewers.map((who, at) => at === own
      ? h("li", { class: "you" }, shape("you"), say("you"))
      : h("li", { class: "person" }, shape("person"), remote(who, "")));
    const agent = by?.role === "agent" ? h("li", { class: "agent" }, shape("agent"), remote(by.label, "")) : null;
    return h("section", {}, h("h2", {}, say("here_now")), h("ul", { class: "here" }, agent, ...people));
  }

  private diagnostics(): HTMLElement {
    const { status, known, instance, round_trip_ms, renderer } = this.page.seen;
    if (!status) return h("section", {});
    const fact = (name: string, value: string | null | undefined) => value ? [h("dt", {}, name), h("dd", {}, remote(value))] : [];
    return h("section", {}, h("h2", {}, say("diagnostics")), h("dl", { class: "facts" },
      ...fact("Health", status.health_why ? `${status.health}: ${status.health_why}` : status.health),
      ...fact("State", status.detail ? `${known.state}, ${status.detail}` : known.state),
      ...fact("Runs", status.running?.command), ...fact("Asks", status.running?.asks),
      ...fact("Host", status.account), ...fact("Shell", status.shell), ...fact("Directory", status.cwd),
      ...fact("Size", `${status.cols} × ${status.rows}`), ...fact("Round trip", round_trip_ms ? `${Math.round(round_trip_ms)} ms, key to echo` : undefined), ...fact("Drawn by", renderer),
      ...fact("Opened by", status.opened_by.label || status.opened_by.role),
      ...fact("Idle", age(status.idle_ms)), ...fact("Printed", status.next_offset), ...fact("Instance", instance),
      ...status.warnings.flatMap((it) => fact("Warning", it))));
  }

  /** How it was judged what the command that runs does: each fact, and when. */
  private verdict(): HTMLElement | null {
    const { evidence } = this.page.seen;
    if (!evidence) return null;
    const steps = evidence.evidence.slice(-STEPS_MAX).flatMap((it) => [h("dt", {}, `${(it.after_ms / 1000).toFixed(2)} s`), h("dd", {}, remote(it.words))]);
    return h("section", {}, h("h2", {}, say("verdict", { id: evidence.run.id })), h("dl", { class: "facts" }, ...steps));
  }

  /** Its name, and words for people: everybody sees them. */
  private labelled(): HTMLElement | null {
    if (!governs(this.page.role) || this.page.is_bound) return null;
    const line = (word: "name" | "label", is: string, set: (value: string) => void) => {
      const field = h("input", { class: "field", type: "text", "aria-label": say(word), maxlength: "80", autocomplete: "off", spellcheck: "false", value: is });
      field.addEventListener("keydown", (event) => event.key === "Enter" && set(field.value));
      return [h("h2", {}, say(word)), h("div", { class: `labelled ${word}` }, field, h("button", { onclick: () => set(field.value) }, say("set_label")))];
    };
    return h("section", {}, ...line("name", this.page.session, (name) => void this.page.rename({ name })),
      ...line("label", this.page.seen.status?.label ?? "", (label) => void this.page.rename({ label })));
  }

  private settings(): HTMLElement {
    const now = settings();
    const themes = (["system", "dark", "light"] as const).map((it) => h("button", {
      class: `choice${now.theme === it ? " on" : ""}`, "aria-pressed": String(now.theme === it),
      onclick: () => this.prefer("theme", it),
    }, say(it === "system" ? "theme_system" : it === "dark" ? "theme_dark" : "theme_light")));
    const sizes = [11, 12, 13, 15, 17].map((it) => h("button", {
      class: `choice${now.size === it ? " on" : ""}`, "aria-pressed": String(now.size === it), onclick: () => this.prefer("size", String(it)),
    }, String(it)));
    const reader = h("button", {
      class: `choice${now.reader ? " on" : ""}`, "aria-pressed": String(now.reader), onclick: () => this.prefer("reader", now.reader ? "no" : "yes"),
    }, say("screen_reader"));
    const predict = h("button", {
      class: `choice${now.predict ? " on" : ""}`, "aria-pressed": String(now.predict), onclick: () => this.prefer("predict", now.predict ? "no" : "yes"),
    }, say("predict_typing"));
    const notify = h("button", { class: `choice${now.notify ? " on" : ""}`, "aria-pressed": String(now.notify), onclick: () => void this.notify(!now.notify) }, say("notifications"));
    return h("section", {}, h("h2", {}, say("settings")), h("h3", {}, say("theme")), h("div", { class: "choices" }, ...themes),
      h("h3", {}, say("text_size")), h("div", { class: "choices" }, ...sizes), h("div", { class: "choices apart" }, reader, notify, predict));
  }

  private prefer(name: "theme" | "size" | "reader" | "notify" | "predict", value: string): void {
    choose(name, value);
    this.page.dress();
    this.draw();
  }

  /** The browser asks once; what it was told is its own. */
  private async notify(wanted: boolean): Promise<void> {
    const may = wanted && "Notification" in globalThis && await Notification.requestPermission() === "granted";
    this.prefer("notify", may ? "yes" : "no");
  }

  private ways_out(): HTMLElement {
    const close = governs(this.page.role) ? h("button", { onclick: () => this.page.ask_close() }, say("close")) : null;
    const everywhere = this.page.role === "operator" && !this.page.is_bound ? h("button", { onclick: () => this.log_out(true) }, say("log_out_everywhere")) : null;
    return h("section", { class: "ways-out" }, close, h("button", { onclick: () => this.log_out(false) }, say("log_out")), everywhere);
  }

  private log_out(everywhere: boolean): void {
    void log_out(everywhere).then((why) => why && this.page.said(why));
  }
}

/** Ends this browser's login, or every browser's; returns why it was not done, where it was not. */
export async function log_out(everywhere: boolean): Promise<string | undefined> {
  try {
    await get("/api/v1/logout", { everywhere });
  } catch (error) {
    if (error instanceof Stranger) return say("stranger");
    // Whose login has ended before is out already; nobody else is.
    if (everywhere || !(error instanceof Refused && error.status === 401)) return say("not_logged_out", { what: error instanceof Refused ? error.message : say("nobody_answers") });
  }
  forget();
  location.assign("/");
  return undefined;
}
