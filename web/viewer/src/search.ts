// Searches what the terminal keeps: a field in the top bar, hits marked in their cells.

import type { SearchAddon } from "@xterm/addon-search";
import { fill, h, icon } from "./dom";
import type { Screen } from "./terminal";
import { say } from "./words";

export class Search {
  readonly element = h("div", { class: "search", role: "search", hidden: true });
  private readonly field = h("input", { class: "field", type: "text", placeholder: say("search_this"), "aria-label": say("search_this"), autocomplete: "off", spellcheck: "false" });
  private readonly count = h("span", { class: "count", role: "status" });
  private addon: SearchAddon | undefined;

  constructor(private readonly screen: Screen, private readonly left: () => void) {
    const step = (back: boolean) => () => this.step(back);
    this.element.append(this.field, this.count,
      h("button", { class: "bare", "aria-label": say("search_back"), onclick: step(true) }, icon("up")),
      h("button", { class: "bare", "aria-label": say("search_on"), onclick: step(false) }, icon("down")),
      h("button", { class: "bare", "aria-label": say("close"), onclick: () => this.close() }, icon("cross")));
    this.field.addEventListener("input", () => this.look());
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
      else if (event.key === "Enter" && event.target === this.field) this.step(!event.shiftKey);
      else return;
      event.preventDefault();
    });
  }

  /** Opens the field: a person's own act. */
  async open(): Promise<void> {
    this.element.hidden = false;
    this.field.focus();
    this.field.select();
    if (!this.addon) {
      // It was loaded with the page, under its hash; only now is it run.
      const { SearchAddon: Addon } = await import("@xterm/addon-search");
      this.addon = new Addon({ highlightLimit: 1000 });
      this.screen.xterm.loadAddon(this.addon);
      this.addon.onDidChangeResults(({ resultIndex, resultCount }) => this.found(resultIndex, resultCount));
    }
    this.look();
  }

  close(): void {
    this.element.hidden = true;
    this.addon?.clearDecorations();
    this.screen.xterm.clearSelection();
    this.left();
  }

  /** The newest hit first: now is at the bottom. */
  private look(): void {
    if (!this.field.value) {
      this.addon?.clearDecorations();
      return fill(this.count);
    }
    if (this.addon?.findPrevious(this.field.value, { ...this.options(), incremental: true }) === false) this.found(-1, 0);
  }

  private step(back: boolean): void {
    if (!this.field.value) return;
    if (back) this.addon?.findPrevious(this.field.value, this.options());
    else this.addon?.findNext(this.field.value, this.options());
  }

  private found(at: number, of: number): void {
    fill(this.count, of ? say("search_count", { n: at + 1, m: of }) : say("search_none"));
  }

  private options() {
    const style = getComputedStyle(document.documentElement);
    const value = (name: string) => style.getPropertyValue(name).trim();
    return { decorations: {
      matchBackground: value("--term-selection"), matchOverviewRuler: value("--term-selection"),
      activeMatchBackground: value("--attention"), activeMatchColorOverviewRuler: value("--attention"),
    } };
  }
}
