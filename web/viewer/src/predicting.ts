// Draws what is predicted: underlined characters in their cells, above the terminal's own, until the echo stands there.

import { h } from "./dom";
import { Predictor } from "./predict";
import { settings } from "./settings";
import type { Screen } from "./terminal";

export class Predicting {
  readonly it = new Predictor();
  private readonly mark = h("div", { class: "predicted", "aria-hidden": "true" });
  private drawn = "";

  constructor(private readonly screen: Screen) {}

  typed(seq: number, keys: string): void {
    const { xterm } = this.screen;
    const buffer = xterm.buffer.active;
    if (buffer.type === "alternate" || !settings().predict) return this.drop();
    this.it.typed(seq, keys, { row: buffer.baseY + buffer.cursorY, col: buffer.cursorX }, xterm.cols, performance.now());
    this.draw();
  }

  printed(): void {
    const buffer = this.screen.xterm.buffer.active;
    if (buffer.type === "alternate") return this.drop();
    const cell = (at: { row: number; col: number }) => buffer.getLine(at.row)?.getCell(at.col)?.getChars() ?? "";
    this.it.printed({ row: buffer.baseY + buffer.cursorY, col: buffer.cursorX }, this.screen.xterm.cols, cell);
    this.draw();
  }

  drop(): void {
    this.it.drop();
    this.draw();
  }

  draw(): void {
    const { xterm } = this.screen;
    const shown = this.it.shown(performance.now());
    const buffer = xterm.buffer.active;
    const key = shown ? `${shown.row - buffer.viewportY}:${shown.col}:${shown.text}` : "";
    if (key === this.drawn) return;
    this.drawn = key;
    const holder = this.screen.stage.querySelector<HTMLElement>(".xterm-screen");
    if (!shown || !holder) return this.mark.remove();
    const cell = { width: holder.clientWidth / xterm.cols, height: holder.clientHeight / xterm.rows };
    const { style } = this.mark;
    style.left = `${shown.col * cell.width}px`;
    style.top = `${(shown.row - buffer.viewportY) * cell.height}px`;
    style.lineHeight = style.height = `${cell.height}px`;
    style.fontFamily = String(xterm.options.fontFamily);
    style.fontSize = `${xterm.options.fontSize}px`;
    this.mark.replaceChildren(...[...shown.text].map((char) => {
      const made = h("u", {}, char);
      made.style.width = `${cell.width}px`;
      return made;
    }));
    if (this.mark.parentElement !== holder) holder.append(this.mark);
  }
}
