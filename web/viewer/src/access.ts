// How the page comes in: the code of a link becomes a bearer, which stays in this origin's own storage and is said to
// the daemon alone, after it has proved that it knows this login.

import type { Failure, LoggedIn } from "./wire";

const KEY = "cotty.login";

/** Whoever does not answer within this time is away. What a call itself waits for is on top of it. */
const ANSWER_MS = 5000;

/** What was refused, in the daemon's words. */
export class Refused extends Error {
  constructor(readonly status: number, readonly failure: Failure) {
    super(failure.what);
  }
}

/** No daemon answers. */
export class Away extends Error {}

/** Another program answers at this address. */
export class Stranger extends Error {}

/** What was proved holds this long: another program may have the port a moment later. */
const PROOF_MS = 300;

let login: LoggedIn | undefined;
let proven_at = -Infinity;

/** Returns the present login. */
export const present = (): LoggedIn | undefined => login;

/** Takes the code out of the address, exchanges it, and returns whether there is a login now. */
export async function enter(): Promise<"in" | "none" | "used"> {
  const code = /^#([0-9A-Za-z]{43})$/.exec(location.hash)?.[1];
  if (code) {
    history.replaceState(null, "", location.pathname + location.search);
    try {
      login = (await post("/login", { code })) as LoggedIn;
      localStorage.setItem(KEY, JSON.stringify(login));
      proven_at = performance.now();
      return "in";
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!kept()) return "used";
    }
  }
  return kept() ? "in" : "none";
}

function kept(): boolean {
  try {
    login = JSON.parse(localStorage.getItem(KEY) ?? "null") ?? undefined;
  } catch {
    login = undefined;
  }
  return !!login;
}

/** Forgets the login. */
export function forget(): void {
  localStorage.removeItem(KEY);
  login = undefined;
}

/** Has the daemon prove that it knows this login, before the bearer is said to whoever answers here now. */
export async function prove(): Promise<void> {
  if (!login) throw new Refused(401, { kind: "auth-failure", what: "", next: "" });
  const asked_at = performance.now();
  const nonce = hex(crypto.getRandomValues(new Uint8Array(16)));
  const answer = (await post("/login", { prove: { login: login.login, nonce } })) as { proof?: unknown };
  const key = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(login.bearer));
  const hmac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const said = new TextEncoder().encode(`cotty proof\n${login.port}\n${nonce}`);
  if (answer.proof !== hex(new Uint8Array(await crypto.subtle.sign("HMAC", hmac, said)))) throw new Stranger();
  proven_at = asked_at;
}

/** From now on whoever answers has to prove itself again. */
export function doubt(): void {
  proven_at = -Infinity;
}

/** Asks for something with the login. Whoever answers here has proved itself just now. */
export async function ask(path: string, order?: { wait_ms?: number }): Promise<Response> {
  if (performance.now() - proven_at > PROOF_MS) await prove();
  const headers: Record<string, string> = { Authorization: `Bearer ${login?.bearer ?? ""}` };
  const signal = AbortSignal.timeout(ANSWER_MS + (order?.wait_ms ?? 0));
  const asked: RequestInit = order === undefined ? { headers, cache: "no-store" } : body(order, headers);
  return answered(fetch(path, { ...asked, signal }));
}

/** Answers a card, or denies it. What is sent is wiped as soon as it has left; it is never tried again. */
export async function settle(card: string, session: string, answer: string | undefined): Promise<void> {
  await prove();
  const bytes = new TextEncoder().encode(answer ?? "");
  const said = new TextEncoder().encode(answer === undefined ? '{"deny":true}' : `{"answer_hex":"${hex(bytes)}"}`);
  bytes.fill(0);
  const headers = { Authorization: `Bearer ${login?.bearer ?? ""}`, "Content-Type": "application/json" };
  const where = `/api/v1/cards/${encodeURIComponent(card)}/answer?session=${encodeURIComponent(session)}`;
  const sending = fetch(where, { method: "POST", headers, body: said, cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
  await answered(sending).finally(() => said.fill(0));
}

/** Returns whether anybody answers. */
export const is_there = (): Promise<boolean> =>
  fetch("/livez", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) }).then((it) => it.ok, () => false);

/** The same for a document. */
export async function get<T>(path: string, order?: { wait_ms?: number } & Record<string, unknown>): Promise<T> {
  return (await ask(path, order)).json() as Promise<T>;
}

async function post(path: string, order: unknown): Promise<unknown> {
  return (await answered(fetch(path, { ...body(order, {}), signal: AbortSignal.timeout(ANSWER_MS) }))).json().catch(() => ({}));
}

function body(order: unknown, headers: Record<string, string>): RequestInit {
  return { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(order), cache: "no-store" };
}

async function answered(fetching: Promise<Response>): Promise<Response> {
  const answer = await fetching.catch(() => {
    doubt();
    throw new Away();
  });
  if (answer.ok) return answer;
  doubt();
  const failed = (await answer.json().catch(() => undefined)) as { failure?: Failure } | undefined;
  throw new Refused(answer.status, failed?.failure ?? { kind: "internal", what: `status ${answer.status}`, next: "" });
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (it) => it.toString(16).padStart(2, "0")).join("");
}
