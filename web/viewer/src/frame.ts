// What stands around the stage: the pen bar, and who is here.

import { fill, h, remote, shape } from "./dom";
import type { Actor } from "./dom";
import type { Act, Bar, Known } from "./pen";
import { say, say_with } from "./words";

/** What takes the place of the bar's sentence for a while. */
export interface Message { said: string; keys?: string; acts?: { word: string; primary?: boolean; does: () => void }[] }

/** More people than these are counted. */
const NAMES_MAX = 5;

const ACTS = {
  take: "take_the_pen", take_over: "take_over", release: "release", interrupt: "interrupt", try_now: "try_now", back: "back_to_now", new_shell: "open_new_shell",
  answer: "answer", compare: "compare", stop_opening: "stop_opening", park: "park_it", put_back: "put_it_back", reload: "reload",
} as const;

/** Draws the bar: its sentence, or the message that has its place. */
export function draw_pen(pen: HTMLElement, said: Bar, message: Message | undefined, known: Known, does: (act: Act) => void): void {
  if (message) return draw_message(pen, message);
  const program = known.run?.id ?? known.shell;
  const to = said.keys === say("keys_to", { program }) ? say_with("keys_to", { program: h("code", {}, program) }) : [said.keys];
  const buttons = said.acts.map((it) => h("button", {
    class: it.primary ? "primary" : "", ...(it.hint ? { title: it.hint } : {}), "data-act": it.act, onclick: () => does(it.act),
  }, say(ACTS[it.act])));
  const soft = said.soft ? h("span", { class: "soft" }, said.soft) : null;
  const aside = said.aside ? [h("span", { class: "aside quiet" }, said.aside)] : [];
  put(pen, said.actor, said.attention, [h("b", {}, said.said), soft], to, [...aside, ...buttons]);
}

/** Draws what has the place of the sentence. */
export function draw_message(pen: HTMLElement, message: Message): void {
  const buttons = (message.acts ?? []).map((it) => h("button", { class: it.primary ? "primary" : "", onclick: it.does }, it.word));
  put(pen, "system", false, [h("b", {}, message.said)], [message.keys ?? ""], buttons);
}

function put(pen: HTMLElement, actor: Actor | undefined, attention: boolean, said: (Node | null)[], keys: (Node | string)[], buttons: Node[]): void {
  pen.className = `pen ${actor ?? "free"}${attention ? " attention" : ""}`;
  fill(pen, h("div", { class: "said" }, actor ? shape(actor) : null, ...said),
    keys.some((it) => it !== "") ? h("div", { class: "keys" }, ...keys) : null, h("span", { class: "grow" }), ...buttons);
}

/** Draws who is here: the agent whose command runs, people, and you. */
export function draw_presence(list: HTMLElement, viewers: string[], known: Known): void {
  const others = [...viewers];
  const own = others.indexOf(known.me);
  if (own >= 0) others.splice(own, 1);
  const by = known.holds.run_by;
  const agent = by?.role === "agent" ? h("li", { class: "agent" }, shape("agent"), remote(by.label, "")) : null;
  const people = others.slice(0, NAMES_MAX).map((who) => h("li", { class: "person" }, shape("person"), remote(who, "")));
  const rest = others.length > NAMES_MAX ? h("li", {}, `+${others.length - NAMES_MAX}`) : null;
  const you = own >= 0 ? h("li", { class: "you" }, shape("you"), say("you")) : null;
  fill(list, agent, ...people, rest, you);
}
