// The pen bar as a sentence: who holds the pen, then where the keys of this very window go. A pure function of what is known.

import { clock } from "./dom";
import type { Actor } from "./dom";
import { governs, writes } from "./wire";
import { needs, say } from "./words";

/** What is known of a session, from which the bar is made. */
export interface Known {
  role: string;
  me: string;
  mode: string;
  pen: string | null;
  state: string;
  detail: string | null;
  run: { id: string; state: string; input?: string | undefined; since: number } | undefined;
  shell: string;
  live: boolean;
  lost_at: number | undefined;
  tries: number;
  next_try: number;
  took: boolean;
  lines_up: number;
  /** The card that waits for a person here: who asks, what it is, and whether it is before their eyes. */
  card: { who: string; title: string; key: boolean; open: boolean; focus: boolean } | undefined;
  /** Its terminal is still to come. */
  coming: boolean;
}

export type Act = "take" | "take_over" | "release" | "interrupt" | "try_now" | "back" | "new_shell" | "answer" | "compare" | "stop_opening";

/** What the bar says. */
export interface Bar {
  actor: Actor | undefined;
  attention: boolean;
  said: string;
  soft?: string | undefined;
  keys: string;
  acts: { act: Act; primary?: boolean; hint?: string }[];
}

const NOWHERE = () => say("keys_none");

/** Who holds the pen, as the daemon writes it: `c7 (claude-code)` or `Mei (unsent line)`. */
export function holder(pen: string | null): { id?: string; who: string; draft: boolean } | undefined {
  if (!pen) return undefined;
  const draft = /^(.*) \(unsent line\)$/.exec(pen);
  if (draft) return { who: draft[1] ?? "", draft: true };
  const run = /^([ch]\d+) \((.*)\)$/.exec(pen);
  return run ? { id: run[1] ?? "", who: run[2] ?? "", draft: false } : { who: pen, draft: false };
}

export function bar(known: Known, now: number): Bar {
  return over(known) ?? away(known, now) ?? reading(known) ?? asked(known) ?? waits(known, now) ?? held(known, now);
}

function over(known: Known): Bar | undefined {
  const { state, detail } = known;
  const made = (said: string): Bar => ({
    actor: "system", attention: false, said, keys: NOWHERE(), acts: governs(known.role) ? [{ act: "new_shell", primary: true }] : [],
  });
  if (state === "exited") return made(detail === null ? say("ended_unknown") : say("ended", { n: detail }));
  if (state === "lost") return made(say("lost", { reason: detail ?? "" }));
  return state === "closed" ? made(say("session_closed", { reason: detail ?? "" })) : undefined;
}

function away(known: Known, now: number): Bar | undefined {
  if (known.lost_at === undefined || known.live || now - known.lost_at < 2000) return undefined;
  const time = new Date(known.lost_at).toLocaleTimeString();
  const left = Math.max(0, Math.ceil((known.next_try - now) / 1000));
  const soft = say("net_try", { n: known.tries, t: `${left} s` });
  return { actor: "system", attention: false, said: say("reconnecting", { time }), soft, keys: NOWHERE(), acts: [{ act: "try_now" }] };
}

function reading(known: Known): Bar | undefined {
  if (known.lines_up <= 0) return undefined;
  return { actor: "you", attention: false, said: say("reading_up", { n: known.lines_up }), keys: say("a_key_brings_back"), acts: [{ act: "back" }] };
}

/** A card waits, or the terminal is still to come. */
function asked(known: Known): Bar | undefined {
  const { card } = known;
  if (!card && !known.coming) return undefined;
  const acts: Bar["acts"] = card && !card.open ? [{ act: card.key ? "compare" : "answer", primary: true }] : [];
  if (!card && governs(known.role)) acts.push({ act: "stop_opening" });
  const to = card?.focus ? say("keys_card") : known.coming ? NOWHERE() : keys(known);
  if (!card) return { actor: "system", attention: false, said: say("not_open_yet"), keys: to, acts };
  return { actor: "agent", attention: true, said: say("waits_for_you", { who: card.who }), soft: card.title, keys: to, acts };
}

function program(known: Known): string {
  return known.run?.id ?? known.shell;
}

function keys(known: Known): string {
  if (!writes(known.role) || !known.live) return NOWHERE();
  if (known.mode === "agent-only") return say("keys_only_interrupt");
  const hidden = known.run?.state === "needs_input" && known.run.input === "secret";
  return say(hidden ? "keys_hidden" : "keys_to", { program: program(known) });
}

function waits(known: Known, now: number): Bar | undefined {
  const run = known.run;
  if (run?.state !== "needs_input") return undefined;
  const pen = holder(known.pen);
  const agent = run.id.startsWith("c");
  const said = agent ? say("waits_for_you", { who: pen?.id ? pen.who : run.id }) : say("pen_your_run", { id: run.id, t: clock(now - run.since) });
  const kind = say(needs(run.input ?? "line"), { program: run.id });
  const where = writes(known.role) ? (run.input === "secret" ? keys(known) : kind) : NOWHERE();
  const acts: Bar["acts"] = writes(known.role) ? [{ act: "interrupt", hint: say("interrupt_hint", { program: run.id }) }] : [];
  return { actor: agent ? "agent" : "you", attention: agent, said, keys: where, acts };
}

function held(known: Known, now: number): Bar {
  const pen = holder(known.pen);
  const plain = (actor: Actor | undefined, said: string, soft: string | undefined, acts: Bar["acts"]): Bar => ({
    actor, attention: false, said, soft, keys: keys(known), acts,
  });
  const may = governs(known.role);
  if (!writes(known.role)) return plain(undefined, say("pen_watching"), undefined, []);
  if (pen?.id) {
    const acts: Bar["acts"] = [{ act: "interrupt", hint: say("interrupt_hint", { program: pen.id }) }];
    const released = known.mode === "human-only";
    const agent = pen.id.startsWith("c");
    if (may && (agent || released)) acts.push(released ? { act: "release", primary: true } : { act: "take_over", primary: true, hint: say("take_over_hint", { id: pen.id }) });
    const soft = known.run ? say("run_time", { id: pen.id, t: clock(now - known.run.since) }) : pen.id;
    const mine = !agent && pen.who === known.me;
    return plain(agent ? "agent" : mine ? "you" : "person", mine ? say("pen_your_run", { id: pen.id, t: known.run ? clock(now - known.run.since) : "" }) : say("pen_person", { who: pen.who }), mine ? undefined : soft, acts);
  }
  if (known.mode === "human-only") {
    const said = known.took ? say("pen_yours") : say("pen_people_only");
    return plain(known.took ? "you" : undefined, said, known.took ? say("agents_wait") : undefined, may ? [{ act: "release", primary: true }] : []);
  }
  if (known.mode === "agent-only") return plain(undefined, say("pen_agents_only"), undefined, may ? [{ act: "release" }] : []);
  if (pen?.draft) {
    const mine = pen.who === known.me;
    return { ...plain(mine ? "you" : "person", mine ? say("pen_typing") : say("pen_typing_other", { who: pen.who }), say("agents_wait"), []), keys: mine ? keys(known) : say("keys_same_line") };
  }
  if (known.run && known.run.state === "running") {
    const t = clock(now - known.run.since);
    return plain("person", say("run_time", { id: known.run.id, t }), undefined, [{ act: "interrupt", hint: say("interrupt_hint", { program: known.run.id }) }]);
  }
  return plain(undefined, say("free"), undefined, may ? [{ act: "take" }] : []);
}
