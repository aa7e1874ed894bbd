// The terminal: xterm.js on the remote's ground, with nothing of ours on it, and no reply of its own to any query.

import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import type { ITheme } from "@xterm/xterm";
import { shim } from "./shim";
import { is_phone, settings } from "./settings";

/** What the terminal tells of. */
export interface Does {
  key(bytes: string): void;
  mouse(event: Mouse): void;
  paste(text: string): void;
  /** Returns whether the key is ours. */
  chord(event: KeyboardEvent): boolean;
  scrolled(lines_up: number): void;
  points_at(url: string | undefined): void;
  bell(): void;
}

/** An event of the mouse: the button with its bits as xterm numbers them, and the cell, from 0. */
export interface Mouse { button: number; col: number; row: number; up: boolean }

/** Reads what xterm says of the mouse, in either of its encodings. */
export function mouse(data: string): Mouse | undefined {
  const sgr = /^\x1b\[<(\d{1,3});(\d{1,4});(\d{1,4})([Mm])$/.exec(data);
  if (sgr) return { button: Number(sgr[1]), col: Number(sgr[2]) - 1, row: Number(sgr[3]) - 1, up: sgr[4] === "m" };
  if (!data.startsWith("\x1b[M") || data.length !== 6) return undefined;
  const at = (place: number) => data.charCodeAt(place);
  const button = at(3) - 32;
  return { button, col: at(4) - 33, row: at(5) - 33, up: (button & 3) === 3 && (button & 96) === 0 };
}

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

function theme(): ITheme {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string) => style.getPropertyValue(name).trim();
  const made: Record<string, string> = {
    background: value("--surface-term"),
    foreground: value("--term-fg"),
    cursor: value("--term-cursor"),
    cursorAccent: value("--surface-term"),
    selectionBackground: value("--term-selection"),
  };
  for (const name of NAMES) {
    made[name] = value(`--ansi-${name}`);
    made[`bright${name[0]?.toUpperCase()}${name.slice(1)}`] = value(`--ansi-bright-${name}`);
  }
  return made;
}

export class Screen {
  readonly xterm: Terminal;
  /** The width and height of a cell, by the text size that they were measured at. */
  private cell: { width: number; height: number; at: number } | undefined;

  constructor(readonly stage: HTMLElement, private readonly does: Does) {
    shim(stage);
    const style = getComputedStyle(document.documentElement);
    this.xterm = new Terminal({
      allowProposedApi: true,
      cols: 80,
      rows: 24,
      cursorBlink: false,
      drawBoldTextInBrightColors: false,
      fontFamily: style.getPropertyValue("--font-mono").trim(),
      fontSize: settings().size,
      lineHeight: 1,
      minimumContrastRatio: this.contrast(),
      scrollback: 10_000,
      screenReaderMode: settings().reader,
      theme: theme(),
      linkHandler: { activate: (event, url) => this.follow(event, url), hover: (_, url) => this.hover(url), leave: () => this.hover(undefined) },
    });
    this.xterm.loadAddon(new Unicode11Addon());
    this.xterm.unicode.activeVersion = "11";
    this.xterm.loadAddon(new WebLinksAddon((event, url) => this.follow(event, url), { hover: (_, url) => this.hover(url), leave: () => this.hover(undefined) }));
    this.silence();
    this.xterm.open(stage);
    this.listen();
  }

  private contrast(): number {
    if (matchMedia("(prefers-contrast: more)").matches) return 7;
    return document.documentElement.dataset["theme"] === "light" ? 4.5 : 1;
  }

  /** The daemon's own terminal answers what is to be answered; this one answers nothing, and sets nothing beyond itself. */
  private silence(): void {
    const parser = this.xterm.parser;
    for (const id of [
      { final: "c" }, { prefix: ">", final: "c" }, { prefix: "=", final: "c" }, { final: "n" }, { prefix: "?", final: "n" },
      { prefix: ">", final: "q" }, { final: "t" }, { intermediates: "$", final: "p" }, { prefix: "?", intermediates: "$", final: "p" },
    ]) parser.registerCsiHandler(id, () => true);
    for (const id of [{ intermediates: "$", final: "q" }, { intermediates: "+", final: "q" }]) parser.registerDcsHandler(id, () => true);
    for (const id of [0, 1, 2, 4, 10, 11, 12, 52]) parser.registerOscHandler(id, () => true);
  }

  private listen(): void {
    const { xterm, does } = this;
    // That the page has the focus is nothing a person types: a program that asks for it would have the page type.
    xterm.onData((data) => {
      if (data === "\x1b[I" || data === "\x1b[O") return;
      const pointed = mouse(data);
      if (pointed) does.mouse(pointed);
      else does.key(data);
    });
    // Only the mouse speaks in bytes; the daemon says it anew, in what the program asks for by then.
    xterm.onBinary((data) => {
      const pointed = mouse(data);
      if (pointed) does.mouse(pointed);
    });
    xterm.onBell(() => does.bell());
    xterm.onScroll(() => this.tell_scroll());
    xterm.attachCustomKeyEventHandler((event) => !does.chord(event));
    // A paste is ours to look at before the program gets it.
    xterm.textarea?.addEventListener("paste", (event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      does.paste(event.clipboardData?.getData("text/plain") ?? "");
    }, true);
    this.stage.addEventListener("wheel", () => requestAnimationFrame(() => this.tell_scroll()), { passive: true });
  }

  private tell_scroll(): void {
    const buffer = this.xterm.buffer.active;
    this.does.scrolled(buffer.baseY - buffer.viewportY);
  }

  /** Scrolls by a key. */
  scroll(key: string): void {
    if (key === "Home") this.xterm.scrollToTop();
    else if (key === "End") this.xterm.scrollToBottom();
    else this.xterm.scrollPages(key === "PageUp" ? -1 : 1);
    this.tell_scroll();
  }

  private hover(url: string | undefined): void {
    this.does.points_at(url);
  }

  private follow(event: MouseEvent, url: string): void {
    if (!event.ctrlKey && !event.metaKey) return;
    const scheme = URL.canParse(url) ? new URL(url).protocol : "";
    if (scheme === "http:" || scheme === "https:") window.open(url, "_blank", "noopener,noreferrer");
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((done) => this.xterm.write(bytes, done));
  }

  /** How many cells the stage has room for at the chosen text size. */
  room(): { cols: number; rows: number } | undefined {
    const screen = this.stage.querySelector<HTMLElement>(".xterm-screen");
    if (!screen?.clientWidth || !this.stage.clientWidth) return undefined;
    const size = Number(this.xterm.options.fontSize);
    if (!this.cell || this.cell.at !== settings().size) {
      if (size !== settings().size) this.xterm.options.fontSize = settings().size;
      this.cell = { width: screen.clientWidth / this.xterm.cols, height: screen.clientHeight / this.xterm.rows, at: settings().size };
    }
    const style = getComputedStyle(this.stage);
    const width = this.stage.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const height = this.stage.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    return { cols: Math.max(2, Math.floor(width / this.cell.width)), rows: Math.max(1, Math.floor(height / this.cell.height)) };
  }

  /** Takes the session's size. What is too large is drawn smaller, down to 9 px; then the stage follows the cursor. */
  resize(cols: number, rows: number): void {
    this.xterm.resize(cols, rows);
    const room = this.room();
    if (!room || !this.cell) return;
    const fits = Math.min(1, room.cols / cols, is_phone() ? 1 : room.rows / rows);
    this.xterm.options.fontSize = Math.max(9, Math.min(settings().size, Math.floor(settings().size * fits)));
    this.follow_cursor();
  }

  /** Where the stage is smaller than the terminal, the cursor stays in sight. */
  follow_cursor(): void {
    const screen = this.stage.querySelector<HTMLElement>(".xterm-screen");
    if (!screen) return;
    const buffer = this.xterm.buffer.active;
    const cell = { width: screen.clientWidth / this.xterm.cols, height: screen.clientHeight / this.xterm.rows };
    const over = { x: screen.clientWidth - this.stage.clientWidth + 24, y: screen.clientHeight - this.stage.clientHeight + 12 };
    const want = { x: (buffer.cursorX + 4) * cell.width - this.stage.clientWidth + 24, y: (buffer.cursorY + 2) * cell.height - this.stage.clientHeight + 12 };
    const x = Math.round(Math.max(0, Math.min(over.x, Math.ceil(want.x / cell.width) * cell.width)));
    const y = Math.round(Math.max(0, Math.min(over.y, want.y)));
    this.xterm.element?.style.setProperty("transform", x > 0 || y > 0 ? `translate(${-x}px, ${-y}px)` : "none");
  }

  dress(): void {
    this.xterm.options.theme = theme();
    this.xterm.options.minimumContrastRatio = this.contrast();
    this.xterm.options.screenReaderMode = settings().reader;
  }
}
