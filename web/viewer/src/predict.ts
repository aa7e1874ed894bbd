// What of the keys just typed may be shown before its echo has come, and where. Pure: facts in, at most one stretch of a row out.
//
// Nothing is shown until the shell's signed prompt stands there and one key of this very line has been seen in its cell. What may send
// the line makes all of that void until the next prompt: so a password, typed however early, is never shown, for no prompt of the shell
// stands there while it is asked for.

/** A place in the buffer; rows count from the oldest line that is kept. */
export interface Place { row: number; col: number }

interface Sent { seq: number; char: string; typed_at: number }

interface Key extends Sent { at: Place }

/** So long after somebody else has typed nothing is shown. */
const OTHERS_MS = 1000;
/** A key whose echo has not come by then was no text. */
const WAIT_MS = 2000;
/** Where the echo comes this soon, nothing is gained. */
const NEAR_MS = 30;

/** More keys than these are not followed before it is known where they stand. */
const UNPLACED_MAX = 256;

/** Keys that move or take back within the line, and cannot send it. */
const WITHIN = /^(\x7f|\x08|\x01|\x05|\x02|\x06|\x0b|\x15|\x17|\x1b\[[CDHF]|\x1bO[CDHF])$/;

export class Predictor {
  private keys: Key[] = [];
  /** Typed while it was not known where they would stand: once the echo of one of them is found, the rest stands behind it. */
  private unplaced: Sent[] = [];
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
    const sent = [...keys].map((char) => ({ seq, char, typed_at: now }));
    const last = this.keys.at(-1);
    const is_known = last !== undefined || (this.applied >= this.barrier && !this.unplaced.length);
    if (is_known) return this.place(sent, last ? { row: last.at.row, col: last.at.col + 1 } : cursor, cols);
    this.unplaced.push(...sent);
    if (this.unplaced.length > UNPLACED_MAX) this.forget(seq);
  }

  /** Keys up to this number were applied. */
  echo(seq: number, echo: "on" | "off" | "unknown", now: number): void {
    const since = this.typed_at.get(seq);
    for (const it of this.typed_at.keys()) if (it <= seq) this.typed_at.delete(it);
    if (since !== undefined) this.round_ms = this.round_ms ? this.round_ms * 0.75 + (now - since) * 0.25 : now - since;
    this.applied = Math.max(this.applied, seq);
    if (echo === "off" && [...this.keys, ...this.unplaced].some((it) => it.seq <= seq)) this.forget_sent(seq);
  }

  /** The daemon says how the session stands. Of what it said before the last line was sent nothing holds. */
  stands(at_prompt: boolean): void {
    if (!at_prompt) {
      this.forget_sent(this.barrier);
      this.at_prompt = false;
    } else if (!this.at_prompt && this.applied >= this.sent_line) {
      this.at_prompt = true;
    }
  }

  /** Somebody else has typed. */
  wrote(now: number): void {
    this.others_at = now;
    this.forget_sent(this.barrier);
  }

  /** Something was printed: looks which keys stand in their cells. */
  printed(cursor: Place, cols: number, cell: (at: Place) => string): void {
    if (this.unplaced.length) this.find(cursor, cols, cell);
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
      if (!waits) this.forget_sent(0);
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
      this.forget_sent(0);
      return undefined;
    }
    return { ...first.at, text: this.keys.map((it) => it.char).join("") };
  }

  /** How long a key takes to be applied, smoothed; 0 where none was yet. */
  get round_trip_ms(): number {
    return this.round_ms;
  }

  /** From this place on, one cell each. */
  private place(sent: Sent[], from: Place, cols: number): void {
    sent.forEach((it, n) => this.keys.push({ ...it, at: { row: from.row, col: from.col + n } }));
    // The last column is where lines are wrapped, each shell in its own way.
    if (sent.length && from.col + sent.length > cols - 1) this.forget_sent(0);
  }

  /** The newest key that was applied stands before the cursor: so the next ones will stand from there on. */
  private find(cursor: Place, cols: number, cell: (at: Place) => string): void {
    if (this.applied < this.barrier) return;
    const coming = this.unplaced.filter((it) => it.seq > this.applied);
    const newest = this.unplaced.filter((it) => it.seq <= this.applied).at(-1);
    const before = (n: number) => cell({ row: cursor.row, col: cursor.col - n });
    // Of two that are alike it cannot be told which one was printed.
    const stands = newest && cursor.col > 1 && before(1) === newest.char && before(2) !== newest.char;
    if (coming.length && !stands) return;
    this.unplaced = [];
    this.place(coming, cursor, cols);
  }

  /** All that was sent, and whatever else was up to this number. */
  private forget_sent(seq: number): void {
    this.forget(Math.max(seq, this.keys.at(-1)?.seq ?? 0, this.unplaced.at(-1)?.seq ?? 0));
  }

  private forget(seq: number): void {
    this.keys = [];
    this.unplaced = [];
    this.confirmed = false;
    this.barrier = Math.max(this.barrier, seq);
  }
}
