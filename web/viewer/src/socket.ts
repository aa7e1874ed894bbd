// The socket of one session: comes back by itself after a cut, and says which keys did not arrive.

import { Away, Refused, Stranger, ask, doubt, is_there, present, prove } from "./access";
import { CLOSE, frame, latin } from "./wire";
import type { Mouse } from "./terminal";
import type { Frame, FromClient, FromServer } from "./wire";

/** What the socket tells of. */
export interface Hears {
  message(it: FromServer): void;
  /** Returns when it is shown: what comes next waits for it. */
  frame(it: Frame): void | Promise<void>;
  /** The daemon cannot be reached; it is tried again after so many milliseconds. */
  away(tries: number, next_ms: number): void;
  /** It is there again; so many keys were lost. */
  back(dropped: number): void;
  /** It is over: the session, the login, or somebody else answers. */
  over(why: "ended" | "access" | "stranger" | "refused" | "missing", what: string): void;
}

const WAITS_MS = [250, 500, 1000, 2000, 5000];
const PASTE_PART = 8 * 1024;

/** That output was shown is told after so many bytes. */
const SEEN_EVERY = 128n * 1024n;

/** It is looked this often whether the daemon answers: a link that is dead says nothing by itself. */
const LOOK_MS = 3000;

export class Socket {
  private socket: WebSocket | undefined;
  private seq = 0;
  private unanswered: number[] = [];
  private dropped = 0;
  private tries = 0;
  private timer = 0;
  private alive = 0;
  private done = false;
  /** The offset up to which everything was shown. */
  have: { epoch: number; byte: bigint } | undefined;
  private told = 0n;
  /** What was refused last, in the daemon's words. */
  private refused = "";
  private shown: Promise<void> = Promise.resolve();

  constructor(
    /** The name of the session; it may have another later. */
    public session: string,
    private readonly hears: Hears,
    private readonly size: () => { cols: number; rows: number } | undefined,
  ) {
    addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.is_live()) this.now();
    });
  }

  is_live(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Tries at once. */
  now(): void {
    if (this.done || this.socket) return;
    clearTimeout(this.timer);
    void this.open();
  }

  async open(): Promise<void> {
    clearTimeout(this.timer);
    try {
      // Whoever answers proves that it is the daemon before it hears our secret.
      await prove();
      await ask(`/api/v1/status?session=${encodeURIComponent(this.session)}`);
    } catch (error) {
      if (error instanceof Stranger) return this.end("stranger", "");
      if (error instanceof Refused && error.status === 401) return this.end("access", "");
      if (error instanceof Refused && error.status === 404 && error.failure.kind === "session-not-found") {
        return this.end("missing", error.failure.what);
      }
      if (error instanceof Refused && error.status === 403) return this.end("missing", error.failure.what);
      if (!(error instanceof Away) && !(error instanceof Refused)) throw error;
      return this.again();
    }
    const address = `ws://${location.host}/api/v1/socket?session=${encodeURIComponent(this.session)}`;
    const socket = new WebSocket(address, ["cotty.1", `bearer.${present()?.bearer ?? ""}`]);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => this.joined(socket);
    socket.onmessage = (event) => this.heard(socket, event.data);
    socket.onclose = (event) => this.closed(socket, event.code, event.reason);
  }

  private joined(socket: WebSocket): void {
    const have = this.have && `${this.have.epoch}:${this.have.byte}`;
    this.tell({ type: "join", ...(have ? { have } : {}), ...this.size(), build: "page" }, socket);
    this.alive = window.setInterval(() => void this.look(socket), LOOK_MS);
  }

  private heard(socket: WebSocket, data: unknown): void {
    if (socket !== this.socket) return;
    if (data instanceof ArrayBuffer) {
      const printed = frame(data);
      // In order, and each waits for the one before: a repaint may wait for the scrollback.
      if (printed) this.shown = this.shown.then(() => this.hears.frame(printed)).then(() => this.is_shown(printed));
      return;
    }
    const message = JSON.parse(String(data)) as FromServer;
    if (message.type === "welcome") {
      const dropped = this.dropped;
      [this.tries, this.dropped] = [0, 0];
      this.hears.back(dropped);
    } else if (message.type === "echo") {
      this.unanswered = this.unanswered.filter((it) => it > message.seq);
    } else if (message.type === "paste_asks") {
      this.unanswered = this.unanswered.filter((it) => it !== message.seq);
    } else if (message.type === "refused") {
      this.refused = message.failure.what;
      this.unanswered = this.unanswered.filter((it) => it !== message.seq);
    }
    this.hears.message(message);
  }

  /** The daemon sends no more than a little beyond what it is told was shown. */
  private is_shown(it: Frame): void {
    this.have = { epoch: it.epoch, byte: it.to };
    if (!it.repaint && it.to - this.told < SEEN_EVERY && it.to > this.told) return;
    this.told = it.to;
    this.tell({ type: "seen", offset: `${it.epoch}:${it.to}` });
  }

  private closed(socket: WebSocket, code: number, reason: string): void {
    if (socket !== this.socket) return;
    this.socket = undefined;
    clearInterval(this.alive);
    doubt();
    this.dropped += this.unanswered.length;
    this.unanswered = [];
    if (code === CLOSE.ended) return this.end("ended", reason);
    if (code === CLOSE.access_ended) return this.end("access", reason);
    if (code === CLOSE.refused) return this.end("refused", this.refused || reason);
    this.again();
  }

  private again(): void {
    if (this.done) return;
    const wait = WAITS_MS[Math.min(this.tries, WAITS_MS.length - 1)] ?? 5000;
    this.tries += 1;
    this.hears.away(this.tries, wait);
    this.timer = window.setTimeout(() => void this.open(), wait);
  }

  private end(why: "ended" | "access" | "stranger" | "refused" | "missing", what: string): void {
    this.done = true;
    this.hears.over(why, what);
  }

  private tell(message: FromClient, socket = this.socket): boolean {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(message));
    return true;
  }

  /** Sends keys, as a terminal does, and returns their number; counts them where nobody takes them. */
  key(bytes: string): number | undefined {
    if (this.tell({ type: "key", seq: this.seq + 1, bytes: latin(bytes) })) {
      this.unanswered.push(++this.seq);
      return this.seq;
    }
    this.dropped += 1;
    return undefined;
  }

  /** The number that was given last. */
  get last(): number {
    return this.seq;
  }

  /** Where the mouse is, and what it does. */
  mouse(event: Mouse): void {
    this.tell({ type: "mouse", ...event });
  }

  paste(text: string): void {
    const bytes = latin(text);
    const seq = ++this.seq;
    for (let at = 0; at < bytes.length || at === 0; at += PASTE_PART) {
      const part = bytes.slice(at, at + PASTE_PART);
      if (!this.tell({ type: "paste", seq, part, last: at + PASTE_PART >= bytes.length })) {
        this.dropped += 1;
        return;
      }
    }
    this.unanswered.push(seq);
  }

  /** Says what becomes of a paste that the daemon asks about. */
  confirm(paste: number, yes: boolean): void {
    if (this.tell({ type: "confirm", seq: this.seq + 1, paste, yes })) this.seq += 1;
    if (yes) this.unanswered.push(this.seq);
  }

  resize(cols: number, rows: number): void {
    this.tell({ type: "resize", cols, rows });
  }

  /** Takes the pen, or puts it down. */
  pen(take: boolean): void {
    this.tell({ type: "pen", take });
  }

  /** Puts one's own unsent line aside for an agent's command, or wants it back. */
  park(aside: boolean): void {
    this.tell({ type: "park", aside });
  }

  mode(mode: string): void {
    this.tell({ type: "control", mode });
  }

  private async look(socket: WebSocket): Promise<void> {
    if (document.hidden) return;
    if (await is_there()) return;
    // It may never hear that we have hung up.
    socket.close();
    this.closed(socket, 1006, "nobody answers");
  }
}
