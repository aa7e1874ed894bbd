// A cut of the line: what was lost in it is said once, when the page is live again.

import type { Known } from "./pen";
import { say } from "./words";

/** A cut that is shorter than this is not shown. */
export const UNSEEN_MS = 2000;

export class Cut {
  private was_live = false;
  private is_resumed = false;
  private dropped = 0;
  private skipped: string | undefined;

  constructor(private readonly known: Known) {}

  /** The daemon is away, and is tried again. */
  away(tries: number, next_ms: number): void {
    const { known } = this;
    known.live = false;
    known.lost_at ??= Date.now();
    known.tries = tries;
    known.next_try = Date.now() + next_ms;
  }

  /** It is there again; so many keys were lost. */
  back(dropped: number): void {
    this.known.live = true;
    this.known.lost_at = undefined;
    this.is_resumed = this.was_live;
    this.dropped = dropped;
  }

  /** Only the present screen is shown of what was printed meanwhile. */
  skip(): void {
    this.skipped ??= say("skipped");
  }

  /** Output is lost for good. */
  lose(reason: string): void {
    this.skipped = say("hole", { reason });
  }

  /** The present screen stands there: returns what is to be said of the cut, where there was one. */
  repainted(before: boolean): { said: string; keys: string } | undefined {
    const was_cut = this.was_live && before && this.is_resumed;
    this.was_live = true;
    if (!was_cut) return undefined;
    const said = { said: this.skipped ?? say("resumed"), keys: this.dropped ? say("keys_dropped", { n: this.dropped }) : "" };
    [this.is_resumed, this.skipped] = [false, undefined];
    return said;
  }
}
