// What the page says beside its sentence: a message in the pen bar's place for a while, and words for who listens.

import { h } from "./dom";
import type { Message } from "./frame";

/** A message takes the bar's place for this long. */
const SAID_MS = 4000;

export class Told {
  readonly spoken = h("div", { class: "spoken", role: "status", "aria-live": "polite" });
  message: Message | undefined;
  private timer = 0;

  constructor(private readonly changed: () => void) {}

  /** Says something in the bar's place: for a while, or until it is answered. */
  tell(message: Message, for_ms = SAID_MS): void {
    clearTimeout(this.timer);
    this.message = message;
    if (for_ms) this.timer = window.setTimeout(() => this.untell(), for_ms);
    this.changed();
  }

  untell(): void {
    clearTimeout(this.timer);
    this.message = undefined;
    this.changed();
  }

  /** Says something to a screen reader; the latest wins. */
  speak(said: string, at_once = false): void {
    this.spoken.setAttribute("aria-live", at_once ? "assertive" : "polite");
    this.spoken.textContent = said;
  }
}
