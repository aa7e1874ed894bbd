// A page with one sentence, where there is nothing else to show.

import { h } from "./dom";
import { say } from "./words";
import type { Word } from "./words";

/** Puts the sentence in the place of everything. */
export function note(word: Word): void {
  document.body.replaceChildren(h("main", { class: "note" }, h("span", { class: "word" }, "cotty"), h("p", {}, say(word))));
}
