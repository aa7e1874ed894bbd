// What of the keys just typed may be shown before its echo has come, and where. Pure: facts in, at most one stretch of a row out.
//
// Nothing is shown until the shell's signed prompt stands there and one key of this very line has been seen in its cell. What may send
// the line makes all of that void until the next prompt: so a password, typed however early, is never shown, for no prompt of the shell
// stands there while it is asked for.

/** A place in the buffer; rows count from the oldest line that is kept. */
export interface Place { row: number; col: number }

interface Key { seq: number; char: string; at: Place; typed_at: number }

/** So long after somebody else has typed nothing is shown. */
const OTHERS_MS = 1000;
/** A key whose echo has not come by then was no text. */
const WAIT_MS = 2000;
/** Where the echo comes this soon, nothing is gained. */
const NEAR_MS = 30;

/** Keys that move or take back within the line, and cannot send it. */
const WITHIN = /^(\x7f|\x08|\x01|\x05|\x02|\x06|\x0b|\x15|\x17|\x1b\[[CDHF]|\x1bO[CDHF])$/;

export class Predictor {
  private keys: Key[] = [];
  /** The shell's prompt stands there, and nothing that was sent since may have left it. */
  private at_prompt = false;
  /** A key of this line was seen in its cell. */
  private confirmed = false;
  /** Up to here what was typed must have been applied before keys are followed again. */
  private barrier = 0;
  /** What may send the line; only what the daemon says after it counts. */
  private sent_line = 0;
  private applied = 0;
  private others_at = -Infinity;
  private round_ms = 0;
  private readonly typed_at = new Map<number, number>();

  /** Keys were sent, with the cursor at this place. */
  typed(seq: number, keys: string, cursor: Place, cols: number, now: number): void {
    if (this.typed_at.size < 256) this.typed_at.set(seq, now);
    const plain = [...keys].every((it) => it >= " " && it <= "~");
    if (!plain) {
      this.forget(seq);
      if (!WITHIN.test(keys)) {
        this.sent_line = seq;
        this.at_prompt = false;
      }
      return;
    }
    if (!this.at_prompt) return void (this.barrier = seq);
    if (this.applied < this.barrier && !this.keys.length) return void (this.barrier = seq);
    const last = this.keys.at(-1);
    let at = last ? { row: last.at.row, col: last.at.col + 1 } : cursor;
    for (const char of keys) {
      // The last column is where lines are wrapped, each shell in its own way.
      if (at.col >= cols - 1) return this.forget(seq);
      this.keys.push({ seq, char, at, typed_at: now });
      at = { row: at.row, col: at.col + 1 };
    }
  }

  /** Keys up to this number were applied. */
  echo(seq: number, echo: "on" | "off" | "unknown", now: number): void {
    const since = this.typed_at.get(seq);
    for (const it of this.typed_at.keys()) if (it <= seq) this.typed_at.delete(it);
    if (since !== undefined) this.round_ms = this.round_ms ? this.round_ms * 0.75 + (now - since) * 0.25 : now - since;
    this.applied = Math.max(this.applied, seq);
    if (echo === "off" && this.keys.some((it) => it.seq <= seq)) this.forget(this.keys.at(-1)?.seq ?? seq);
  }

  /** The daemon says how the session stands. Of what it said before the last line was sent nothing holds. */
  stands(at_prompt: boolean): void {
    if (!at_prompt) {
      this.forget(this.keys.at(-1)?.seq ?? this.barrier);
      this.at_prompt = false;
    } else if (!this.at_prompt && this.applied >= this.sent_line) {
      this.at_prompt = true;
    }
  }

  /** Somebody else has typed. */
  wrote(now: number): void {
    this.others_at = now;
    this.forget(this.keys.at(-1)?.seq ?? this.barrier);
  }

  /** Something was printed: looks which keys stand in their cells. */
  printed(cursor: Place, cell: (at: Place) => string): void {
    for (;;) {
      const key = this.keys[0];
      if (!key) return;
      const stands = cursor.row === key.at.row && cursor.col > key.at.col && cell(key.at) === key.char;
      if (stands) {
        this.keys.shift();
        this.confirmed = true;
        continue;
      }
      const waits = cursor.row === key.at.row && cursor.col === key.at.col;
      if (!waits) this.forget(this.keys.at(-1)?.seq ?? 0);
      return;
    }
  }

  /** Nothing that was assumed holds: another size, another screen, another connection. */
  drop(): void {
    this.forget(Math.max(this.barrier, ...this.typed_at.keys(), 0));
    this.at_prompt = false;
    this.typed_at.clear();
  }

  /** Numbers begin anew with a connection. */
  begin(seq: number): void {
    this.drop();
    [this.barrier, this.sent_line, this.applied] = [seq, seq, seq];
  }

  /** What is shown at this moment. */
  shown(now: number): (Place & { text: string }) | undefined {
    const first = this.keys[0];
    if (!first || !this.confirmed || !this.at_prompt || this.round_ms < NEAR_MS || now - this.others_at < OTHERS_MS) return undefined;
    if (now - first.typed_at > WAIT_MS) {
      this.forget(this.keys.at(-1)?.seq ?? 0);
      return undefined;
    }
    return { ...first.at, text: this.keys.map((it) => it.char).join("") };
  }

  /** How long a key takes to be applied, smoothed; 0 where none was yet. */
  get round_trip_ms(): number {
    return this.round_ms;
  }

  private forget(seq: number): void {
    this.keys = [];
    this.confirmed = false;
    this.barrier = Math.max(this.barrier, seq);
  }
}
