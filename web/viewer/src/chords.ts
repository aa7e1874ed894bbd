// The page's own keys: one chord, then a letter, and a few that no program can receive. All else belongs to the terminal, always.

import type { Act } from "./pen";

/** What keys of ours do. */
export interface Orders {
  /** The strip of letters stands in the pen bar, until one is pressed. */
  strip(shown: boolean): void;
  type(keys: string): void;
  act(act: Act): void;
  /** Takes the pen, or releases it, whichever is offered. */
  pen(): void;
  copy(): void;
  search(): void;
  sessions(): void;
  side(): void;
  /** Takes the focus out of the terminal: to the first button of the pen bar, or of the top bar. */
  leave(): void;
  scroll(key: string): void;
}

export class Chords {
  private waits = false;

  constructor(stage: HTMLElement, private readonly does: Orders) {
    // The chord is in reach wherever the focus is; the rest is the terminal's alone.
    addEventListener("keydown", (event) => {
      const in_terminal = event.target instanceof Node && stage.contains(event.target);
      if (!in_terminal && (this.waits || (is_own(event) && /^[kf]$/i.test(event.key)))) this.takes(event);
    });
  }

  /** Returns whether a key is the page's own. */
  takes(event: KeyboardEvent): boolean {
    if (event.type !== "keydown") return this.waits;
    const letter = event.key.toLowerCase();
    if (this.waits) return this.after(event, letter);
    const own = is_own(event);
    // The browser pastes by itself, and the paste comes to us.
    if (own && letter === "v") return true;
    const scrolls = event.shiftKey && ["PageUp", "PageDown", "Home", "End"].includes(event.key);
    if (own && letter === "k") {
      this.waits = true;
      this.does.strip(true);
    } else if (own && letter === "c") this.does.copy();
    else if (own && letter === "f") this.does.search();
    else if (scrolls) this.does.scroll(event.key);
    else return false;
    event.preventDefault();
    return true;
  }

  private after(event: KeyboardEvent, letter: string): boolean {
    if (["Control", "Shift", "Meta", "Alt"].includes(event.key)) return true;
    event.preventDefault();
    this.waits = false;
    const { does } = this;
    does.strip(false);
    if (letter === "k" && event.ctrlKey) does.type("\x0b");
    else if (letter === "p") does.pen();
    else if (letter === "a") does.act("answer");
    else if (letter === "i") does.act("interrupt");
    else if (letter === "f") does.search();
    else if (letter === "g") does.act("back");
    else if (letter === "s") does.sessions();
    else if (letter === "d") does.side();
    else if (event.key === "Tab") does.leave();
    return true;
  }
}

const is_own = (event: KeyboardEvent): boolean => (event.ctrlKey && event.shiftKey) || event.metaKey;
