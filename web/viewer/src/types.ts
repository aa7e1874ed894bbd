// Made from wire/src by `COTTY_GOLDEN=write cargo test -p cotty-wire --test page`: change it there.

/** Bytes, one character each. */
export type Bytes = string;

/** A question of an attempt to connect that only a person may answer. What stands on it is an operator's to read. */
export type Card = { account?: string; algorithm?: string; asked_by: Who; attempt: number; echo: boolean; ends_at_ms: number; file?: string; helps?: string[]; host?: string; id: string; key?: string; kind: string; left_ms: number; opened_at_ms: number; session: string; target: string; text?: string; wants: string; why?: string; words?: string };

/** Opens or finds a session: `POST /api/v1/sessions`. */
export type Connect = { cols?: number; cwd?: string; env?: Record<string, string>; label?: string; name?: string; rows?: number; shell?: string; target?: string; wait_ms: number; whole_env?: Record<string, string>; word?: string };

/** The answer to [`Connect`]. */
export type Connected = { created: boolean; notes: string[]; session: Session };

/** A host that the configuration names, as it is written there. Nobody was asked about it. */
export type Device = { group?: string; host: string; is_default: boolean; label: string | null; login: (DeviceLogin | null); name: string; port: number | null; sessions: string[]; tags?: string[]; user: string | null };

/** Where a login finds what it needs. No secret is in it. */
export type DeviceLogin = { key: string | null; passphrase: string | null; password: string | null };

/** The answer of `GET /api/v1/devices`: the hosts that the configuration names, by name. */
export type Devices = { devices: (Device)[] };

/** Whether the terminal showed a key. */
export type Echo = ("on" | "off" | "unknown");

/** A card that is closed. */
export type EndedCard = { how: string; id: string };

/** How a command's state was judged: `GET /api/v1/evidence`. */
export type Evidence = { at_ms: number; evidence: (Step)[]; run: Run; who: Who };

/** Why not, and what to do about it. */
export type Failure = { kind: string; next: string; what: string };

/** What a viewer says. */
export type FromClient =
  | { build: string; cols?: number; have?: string; rows?: number; type: "join" }
  | { bytes: Bytes; seq: number; type: "key" }
  | { last: boolean; part: Bytes; seq: number; type: "paste" }
  | { paste: number; seq: number; type: "confirm"; yes: boolean }
  | { cols: number; rows: number; type: "resize" }
  | { offset: string; type: "seen" }
  | { button: number; col: number; row: number; type: "mouse"; up: boolean }
  | { take: boolean; type: "pen" }
  | { aside: boolean; type: "park" }
  | { mode: string; type: "control" }
  | { order: Connect; type: "open" }
  | { target: string; type: "trust" }
  | { deny: boolean; id?: string; type: "card" }
  | { purpose: string; target: string; type: "secret" }
  | { id: number; text?: Hidden; type: "answer" };

/** What the daemon says. A viewer ignores what it does not know. */
export type FromServer =
  | { build: string; cols: number; protocol: string; rows: number; session: string; type: "welcome"; you: Who }
  | { from: string; reason: string; to: string; type: "gap" }
  | { echo: Echo; seq: number; type: "echo" }
  | { lines: number; seq: number; type: "paste_asks" }
  | { cards: (Card)[]; ended?: (EndedCard)[]; type: "cards" }
  | { type: "presence"; who: string[] }
  | { command: string; exit?: number; id: string; input?: string; reason?: string; shell?: string; signal?: number; state: string; type: "run" }
  | { holds: Holds; mode: string; pen: string | null; type: "gate" }
  | { type: "wrote"; who: Who }
  | { cols: number; rows: number; type: "size" }
  | { session: string; type: "renamed" }
  | { detail: string | null; session: string; type: "state" }
  | { failure: Failure; seq?: number; type: "refused" }
  | { code: number; reason: string; type: "closed" }
  | { host: string; stage: string; type: "progress" }
  | { host: string; text: string; type: "overheard" }
  | { echo: boolean; id: number; kind: string; text: string; type: "question" }
  | { id: number; type: "withdrawn" }
  | { card: Card; how: string; type: "answered" }
  | { secrets: (KeptSecret)[]; type: "kept" }
  | { connected: Connected; type: "opened" }
  | { trusted: Trusted; type: "trusted" }
  | { type: "unknown" };

/** What a person typed as an answer. */
export type Hidden = string;

/** What keeps others from writing. */
export type Holds = { awaited_by?: Who; draft?: Who; parked?: Who; run?: string; run_by?: Who; taken?: Taken };

/** That a secret is kept, and for whom. */
export type KeptSecret = { account: string; at_ms: number; key: string; purpose: string; session?: string; target: string };

/** A browser is in. */
export type LoggedIn = { bearer: string; login: string; port: number; role: string; session?: string };

/** As what a caller by TCP is here: `GET /api/v1/me`. */
export type Me = { build: string; instance: string; label: string; now_ms: number; role: string; session?: string };

/** Gives a session another name, other words for people, or both: `POST /api/v1/rename`. */
export type RenameOrder = { label?: string; name?: string; session?: string };

/** A command as it stands. */
export type Run = { asks?: string; boundary: string; command: string; cwd: string | null; exit?: number; from: string; id: string; input?: string; notes: string[]; reason?: string; session: string; shell?: string; signal?: number; state: string; survivors: string[]; to: string; took_ms: number };

/** A session as it stands. */
export type Session = { account?: string; cols: number; cwd: string | null; detail: string | null; follow: string; health: string; health_why?: string; holds: Holds; idle_ms: number; idle_timeout_ms: number | null; is_default: boolean; label: string | null; mode: string; name: string; next_offset: string; opened_at_ms: number; opened_by: Who; pen: string | null; pid: number | null; rows: number; running: (Run | null); shell: string; silent_ms?: number; state: string; target: string; viewers: string[]; warnings: string[] };

/** The list of sessions: `GET /api/v1/sessions`. */
export type Sessions = { cards?: (Card)[]; sessions: (Session)[] };

/** One thing that was seen of a command. */
export type Step = { after_ms: number; at: string; details: Record<string, string>; kind: string; words: string };

/** A pen in a person's hand. */
export type Taken = { left_ms: number; who: Who };

/** A key of a host that a person accepts. */
export type Trusted = { added: boolean; algorithm: string; fingerprint: string; name: string; place: string };

/** Who acts, as people and programs read it. */
export type Who = { label: string; role: string };
