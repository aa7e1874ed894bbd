// What this window types, pastes and copies, and whether it may.

import type { Known } from "./pen";
import type { Predicting } from "./predicting";
import type { Socket } from "./socket";
import type { Screen } from "./terminal";
import type { Told } from "./told";
import { writes } from "./wire";
import { say } from "./words";

/** Of what a paste may hold, these are none: they would do something, not stand for something. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/** What typing needs of its page. */
interface Desk {
  readonly known: Known;
  readonly screen: Screen;
  readonly socket: Socket;
  readonly predicting: Predicting;
  readonly told: Told;
  draw(): void;
}

export class Typing {
  constructor(private readonly desk: Desk) {}

  get is_allowed(): boolean {
    const { known } = this.desk;
    return !known.coming && !known.silent && writes(known.role) && !["exited", "lost", "closed"].includes(known.state);
  }

  type(keys: string): void {
    const { screen, socket, predicting } = this.desk;
    if (!this.is_allowed) return;
    screen.xterm.scrollToBottom();
    const seq = socket.key(keys);
    if (seq) predicting.typed(seq, keys);
    if (!socket.is_live()) this.desk.draw();
  }

  paste(text: string): void {
    if (!this.is_allowed || !text) return;
    const clean = text.replace(/\r\n?/g, "\n");
    if (CONTROL.test(clean)) return this.desk.told.tell({ said: say("paste_refused") });
    this.desk.socket.paste(clean.replace(/\n/g, "\r"));
  }

  /** The daemon knows what the program takes at this moment, and asks where it would take each line at once. */
  ask_paste(paste: number, lines: number): void {
    const { told, socket, screen } = this.desk;
    const answer = (yes: boolean) => () => {
      told.untell();
      socket.confirm(paste, yes);
      screen.xterm.focus();
    };
    const said = lines === 1 ? say("paste_ask_one") : say("paste_ask", { n: lines });
    told.tell({ said, acts: [{ word: say("paste"), does: answer(true) }, { word: say("do_not"), does: answer(false) }] }, 0);
  }

  copy(): void {
    const text = this.desk.screen.xterm.getSelection();
    if (!text) return;
    void navigator.clipboard.writeText(text).then(() => this.desk.told.tell({ said: say("copied", { n: text.split("\n").length }) }));
  }
}
