// The keys that a phone's keyboard has not. Ctrl and Alt hold for one key, twice for good.

import { h, icon } from "./dom";
import { say } from "./words";

const UPPER: [string, string][] = [
  ["Esc", "\x1b"], ["Tab", "\t"], ["Ctrl", ""], ["Alt", ""], ["←", "\x1b[D"], ["↑", "\x1b[A"], ["↓", "\x1b[B"], ["→", "\x1b[C"],
];
const PLAIN: [string, string][] = [["-", "-"], ["/", "/"], ["|", "|"], ["~", "~"], ['"', '"']];
const RUNNING: [string, string][] = [["Ctrl-C", "\x03"], ["Ctrl-Z", "\x1a"]];
const BY_KIND: Record<string, [string, string][]> = {
  confirm: [["y", "y"], ["n", "n"], ["Enter", "\r"]],
  pager: [["Space", " "], ["q", "q"], ["/", "/"], ["n", "n"]],
  editor: [["Esc", "\x1b"], [":wq", "\x1b:wq\r"], [":q!", "\x1b:q!\r"]],
  press_key: [["Enter", "\r"], ["Space", " "]],
};

type Held = "off" | "once" | "fast";

export class KeyBar {
  readonly element = h("div", { class: "keys-bar", role: "toolbar" });
  private readonly lower = h("div", { class: "keys-row" });
  private held: Record<"Ctrl" | "Alt", Held> = { Ctrl: "off", Alt: "off" };
  private kind = "";
  private holds: Partial<Record<"Ctrl" | "Alt", HTMLElement>> = {};

  constructor(
    private readonly type: (keys: string) => void,
    private readonly paste: (text: string) => void,
    private readonly search: () => void,
    private readonly field: () => HTMLElement | undefined,
  ) {
    const upper = h("div", { class: "keys-row" });
    for (const [word, keys] of UPPER) upper.append(word === "Ctrl" || word === "Alt" ? this.hold(word) : this.key(word, keys));
    this.element.append(upper, this.lower);
    this.draw(undefined);
  }

  /** Puts what is held before a key that comes from the keyboard. */
  with_held(keys: string): string {
    let made = keys;
    if (this.held.Ctrl !== "off" && keys.length === 1) {
      const code = keys.toUpperCase().charCodeAt(0);
      if (code >= 63 && code <= 95) made = String.fromCharCode(code === 63 ? 127 : code & 31);
    }
    if (this.held.Alt !== "off") made = `\x1b${made}`;
    for (const name of ["Ctrl", "Alt"] as const) if (this.held[name] === "once") this.set(name, "off");
    return made;
  }

  draw(run: { state: string; input?: string | undefined } | undefined): void {
    const kind = run ? (run.state === "needs_input" ? run.input ?? "line" : "running") : "none";
    if (kind === this.kind) return;
    this.kind = kind;
    const keys = BY_KIND[kind] ?? (kind === "running" ? RUNNING : PLAIN);
    const paste = h("button", { "aria-label": say("paste"), onclick: () => void navigator.clipboard.readText().then(this.paste) }, icon("paste"));
    const search = h("button", { "aria-label": say("search"), onclick: () => this.search() }, icon("search"));
    const keyboard = h("button", { "aria-label": say("keyboard"), onclick: () => this.field()?.focus() }, icon("keyboard"));
    this.lower.replaceChildren(...keys.map(([word, typed]) => this.key(word, typed)), paste, search, keyboard);
  }

  private key(word: string, keys: string): HTMLElement {
    let repeat = 0;
    const stop = () => clearInterval(repeat);
    const button = h("button", { class: "mono", tabindex: "-1" }, word);
    button.addEventListener("pointerdown", (event) => {
      // The soft keyboard stays as it is.
      event.preventDefault();
      const press = () => this.type(keys.length === 1 ? this.with_held(keys) : keys);
      press();
      repeat = window.setTimeout(() => { repeat = window.setInterval(press, 80); }, 400);
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) button.addEventListener(end, stop);
    return button;
  }

  private hold(name: "Ctrl" | "Alt"): HTMLElement {
    const next: Record<Held, Held> = { off: "once", once: "fast", fast: "off" };
    const button = h("button", { "aria-pressed": "false", tabindex: "-1" }, name);
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.set(name, next[this.held[name]]);
    });
    this.holds[name] = button;
    return button;
  }

  private set(name: "Ctrl" | "Alt", held: Held): void {
    this.held[name] = held;
    this.holds[name]?.setAttribute("aria-pressed", String(held !== "off"));
    this.holds[name]?.classList.toggle("held", held !== "off");
    this.holds[name]?.classList.toggle("fast", held === "fast");
  }
}
