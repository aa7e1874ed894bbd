// Before there is a terminal: the stage says what it waits for, on the page's own surface.

import { fill, h, remote } from "./dom";
import type { Known } from "./pen";
import { say, say_with } from "./words";

/** Draws what is waited for. */
export function draw_opening(stage: HTMLElement, name: string, known: Known, why: string | undefined): void {
  const when = known.card ? say(known.card.key ? "opens_when_trusted" : "opens_when_answered") : "";
  fill(stage, h("h2", {}, ...say_with("opening", { name: remote(name, "") })), when ? h("p", {}, when) : null, h("p", { class: "quiet" }, remote(why ?? "", "")));
}

/** The title of the page, with a mark where a person is needed, or where the bell rang while nobody looked. */
export function page_title(name: string, known: Known, rung: boolean): string {
  const { card, run } = known;
  if (card) return `(1) ${card.title} · ${name} · cotty`;
  const waits = run?.state === "needs_input" && run.id.startsWith("c");
  return `${waits ? "(1) " : rung ? "• " : ""}${name} · cotty`;
}
