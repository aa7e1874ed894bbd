// The pen bar as a sentence: who holds the pen, then where the keys of this very window go. A pure function of what is known.

import { clock } from "./dom";
import type { Actor } from "./dom";
import { UNSEEN_MS } from "./cut";
import { governs, writes } from "./wire";
import type { Holds, Who } from "./wire";
import { needs, say } from "./words";

/** What is known of a session, from which the bar is made. */
export interface Known {
  role: string;
  me: string;
  mode: string;
  holds: Holds;
  /** When the pen that a person has taken falls back, on this page's clock. */
  taken_until: number;
  state: string;
  detail: string | null;
  run: { id: string; state: string; input?: string | undefined; since: number } | undefined;
  shell: string;
  live: boolean;
  lost_at: number | undefined;
  tries: number;
  next_try: number;
  lines_up: number;
  /** Its host gives no sign of life since then, on this page's clock. */
  silent: { host: string; since: number } | undefined;
  /** The card that waits for a person here: who asks, what it is, and whether it is before their eyes. */
  card: { who: string; title: string; key: boolean; open: boolean; focus: boolean } | undefined;
  /** The daemon has a newer page than this one. */
  is_old?: boolean;
  /** Its terminal is still to come. */
  coming: boolean;
}

export type Act = "take" | "take_over" | "release" | "interrupt" | "try_now" | "back" | "new_shell" | "answer" | "compare" | "stop_opening" | "park" | "put_back" | "reload";

/** What the bar says. */
export interface Bar {
  actor: Actor | undefined;
  attention: boolean;
  said: string;
  soft?: string | undefined;
  keys: string;
  /** What stands beside the buttons. */
  aside?: string;
  acts: { act: Act; primary?: boolean; hint?: string }[];
}

const NOWHERE = () => say("keys_none");

export function bar(known: Known, now: number): Bar {
  const made = over(known) ?? away(known, now) ?? silent(known, now) ?? reading(known) ?? asked(known) ?? waits(known, now) ?? held(known, now);
  return known.is_old ? { ...made, aside: made.aside ?? say("new_build"), acts: [{ act: "reload", hint: say("new_build") }, ...made.acts] } : made;
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
  if (known.lost_at === undefined || known.live || now - known.lost_at < UNSEEN_MS) return undefined;
  const soft = say("not_live_since", { time: new Date(known.lost_at).toLocaleTimeString([], { hour12: false }) });
  const left = Math.ceil((known.next_try - now) / 1000);
  const aside = left > 0 ? say("net_try", { n: known.tries, t: `${left} s` }) : say("net_trying");
  return { actor: "system", attention: false, said: say("reconnecting"), soft, keys: NOWHERE(), aside, acts: [{ act: "try_now" }] };
}

/** The host of the session does not answer: nobody knows what becomes of a key. */
function silent(known: Known, now: number): Bar | undefined {
  if (!known.silent) return undefined;
  const t = `${Math.max(0, Math.round((now - known.silent.since) / 1000))} s`;
  return { actor: "system", attention: false, said: say("degraded", { host: known.silent.host, t }), keys: NOWHERE(), acts: [] };
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

/** Where the keys of this window go. */
export function keys(known: Known): string {
  if (!writes(known.role) || !known.live) return NOWHERE();
  if (known.mode === "agent-only") return say("keys_only_interrupt");
  const hidden = known.run?.state === "needs_input" && known.run.input === "secret";
  return say(hidden ? "keys_hidden" : "keys_to", { program: program(known) });
}

function waits(known: Known, now: number): Bar | undefined {
  const run = known.run;
  if (run?.state !== "needs_input") return undefined;
  const by = known.holds.run === run.id ? known.holds.run_by : undefined;
  const agent = run.id.startsWith("c");
  const said = agent ? say("waits_for_you", { who: by?.label ?? run.id }) : say("pen_your_run", { id: run.id, t: clock(now - run.since) });
  const kind = say(needs(run.input ?? "line"), { program: run.id });
  const where = writes(known.role) ? (run.input === "secret" ? keys(known) : kind) : NOWHERE();
  const acts: Bar["acts"] = writes(known.role) ? [{ act: "interrupt", hint: say("interrupt_hint", { program: run.id }) }] : [];
  return { actor: agent ? "agent" : "you", attention: agent, said, keys: where, acts };
}

const mine = (known: Known, who: Who): boolean => who.role !== "agent" && who.label === known.me;

function held(known: Known, now: number): Bar {
  if (!writes(known.role)) return { actor: undefined, attention: false, said: say("pen_watching"), keys: NOWHERE(), acts: [] };
  return taken(known, now) ?? running(known, now) ?? closed(known) ?? drafted(known) ?? free(known, now);
}

/** A person has the pen: until they release it, or its time is over. */
function taken(known: Known, now: number): Bar | undefined {
  const by = known.holds.taken?.who;
  if (!by) return undefined;
  const acts: Bar["acts"] = known.holds.run ? [interrupt(known.holds.run)] : [];
  const soft = known.holds.run ? run_time(known, known.holds.run, now) : say("agents_wait");
  if (mine(known, by)) {
    const t = clock(known.taken_until - now);
    return { actor: "you", attention: false, said: say("pen_yours", { t }), soft, keys: keys(known), acts: [...acts, { act: "release", primary: true }] };
  }
  if (governs(known.role)) acts.push({ act: "take_over" });
  return { actor: "person", attention: false, said: say("pen_person", { who: by.label }), keys: NOWHERE(), acts };
}

function interrupt(program: string): Bar["acts"][0] {
  return { act: "interrupt", hint: say("interrupt_hint", { program }) };
}

function run_time(known: Known, id: string, now: number): string {
  return known.run ? say("run_time", { id, t: clock(now - known.run.since) }) : id;
}

function running(known: Known, now: number): Bar | undefined {
  const { run: id, run_by: by, parked } = known.holds;
  if (!id || !by) return undefined;
  const made = (actor: Actor, said: string, soft: string | undefined, acts: Bar["acts"]): Bar => ({ actor, attention: false, said, soft, keys: keys(known), acts });
  if (by.role === "agent") {
    if (parked && mine(known, parked)) {
      const soft = say("pen_parked", { id });
      return made("agent", say("pen_person", { who: by.label }), soft, [interrupt(id), { act: "put_back" }]);
    }
    const acts = [interrupt(id), known.mode === "human-only"
      ? { act: "release" as const, primary: true }
      : { act: "take_over" as const, primary: true, hint: say("take_over_hint", { id }) }];
    return made("agent", say("pen_person", { who: by.label }), run_time(known, id, now), acts);
  }
  if (mine(known, by)) return made("you", say("pen_your_run", { id, t: known.run ? clock(now - known.run.since) : "" }), undefined, [interrupt(id)]);
  return made("person", say("pen_person", { who: by.label }), run_time(known, id, now), [interrupt(id)]);
}

function closed(known: Known): Bar | undefined {
  const word = known.mode === "human-only" ? "pen_people_only" : known.mode === "agent-only" ? "pen_agents_only" : undefined;
  if (!word) return undefined;
  return { actor: undefined, attention: false, said: say(word), keys: keys(known), acts: governs(known.role) ? [{ act: "release", primary: known.mode === "human-only" }] : [] };
}

function drafted(known: Known): Bar | undefined {
  const { draft: by, awaited_by, parked } = known.holds;
  if (!by && parked && mine(known, parked)) {
    const said = say("pen_parked_free");
    return { actor: "you", attention: false, said, soft: say("agents_may_run"), keys: keys(known), acts: [{ act: "put_back" }] };
  }
  if (!by) return undefined;
  if (awaited_by && mine(known, by)) {
    const said = say("pen_waits_draft", { who: awaited_by.label });
    return { actor: "you", attention: false, said, keys: keys(known), acts: [{ act: "park", hint: say("park_hint") }] };
  }
  if (by.role === "agent") return { actor: "agent", attention: false, said: say("pen_typing_other", { who: by.label }), keys: say("keys_same_line"), acts: [] };
  const own = mine(known, by);
  const said = own ? say("pen_typing") : say("pen_typing_other", { who: by.label });
  return { actor: own ? "you" : "person", attention: false, said, soft: say("agents_wait"), keys: own ? keys(known) : say("keys_same_line"), acts: [] };
}

function free(known: Known, now: number): Bar {
  const { run } = known;
  if (run?.state === "running") {
    const said = say("run_time", { id: run.id, t: clock(now - run.since) });
    return { actor: "person", attention: false, said, keys: keys(known), acts: [interrupt(run.id)] };
  }
  return { actor: undefined, attention: false, said: say("free"), keys: keys(known), acts: [{ act: "take" }] };
}
