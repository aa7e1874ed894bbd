// The published words that the page uses: wire/src/api.rs and wire/src/socket.rs have them all.

export interface Failure { kind: string; what: string; next: string }
export interface Who { role: string; label: string }
export interface Me { role: string; label: string; session?: string; build: string; instance: string; now_ms: number }
export interface LoggedIn { bearer: string; login: string; port: number; role: string; session?: string }

export interface Run {
  id: string; command: string; state: string; exit?: number; signal?: number; input?: string; shell?: string;
  reason?: string; took_ms: number; asks?: string;
}

/** How a command was judged. */
export interface Evidence { run: { id: string }; evidence: { kind: string; after_ms: number; words: string }[] }

/** What keeps others from writing. */
export interface Holds { run?: string; run_by?: Who; draft?: Who; awaited_by?: Who; parked?: Who; taken?: { who: Who; left_ms: number } }

export interface Session {
  name: string; target: string; account?: string; health: string; health_why?: string; label: string | null;
  state: string; detail: string | null; shell: string; cwd: string | null; mode: string; holds: Holds;
  running: Run | null; cols: number; rows: number; viewers: string[]; opened_by: Who; idle_ms: number;
  warnings: string[]; next_offset: string;
}

export interface Card {
  id: string; kind: "host-key" | "passphrase" | "password" | "challenge"; session: string; target: string; wants: string;
  account?: string; key?: string; algorithm?: string; host?: string; file?: string; words?: string; helps?: string[]; why?: string; echo: boolean;
  asked_by: Who; attempt: number; left_ms: number;
  /** When it ends, on this page's own clock. */
  ends?: number;
}

export interface EndedCard { id: string; how: string }

export interface Device { name: string; host: string; user?: string; port?: number; label?: string }

export type FromServer =
  | { type: "welcome"; you: Who; session: string; cols: number; rows: number; build: string }
  | { type: "gap"; from: string; to: string; reason: string }
  | { type: "echo"; seq: number; echo: "on" | "off" | "unknown" }
  | { type: "paste_asks"; seq: number; lines: number }
  | { type: "cards"; cards: Card[]; ended?: EndedCard[] }
  | { type: "presence"; who: string[] }
  | ({ type: "run" } & Omit<Run, "took_ms">)
  | { type: "gate"; mode: string; holds: Holds }
  | { type: "wrote"; who: Who }
  | { type: "size"; cols: number; rows: number }
  | { type: "state"; session: string; detail: string | null }
  | { type: "refused"; seq?: number; failure: Failure }
  | { type: "closed"; code: number; reason: string };

/** Why a socket was closed. */
export const CLOSE = { ended: 1000, refused: 4403, access_ended: 4401, not_allowed: 4405 } as const;

/** A stretch of what the terminal printed. */
export interface Frame { repaint: boolean; epoch: number; from: bigint; to: bigint; bytes: Uint8Array }

const HEAD = 21;

/** Reads a binary frame; nothing where it is none. */
export function frame(buffer: ArrayBuffer): Frame | undefined {
  if (buffer.byteLength < HEAD) return undefined;
  const view = new DataView(buffer);
  const kind = view.getUint8(0);
  if (kind !== 1 && kind !== 2) return undefined;
  return {
    repaint: kind === 2,
    epoch: view.getUint32(1),
    from: view.getBigUint64(5),
    to: view.getBigUint64(13),
    bytes: new Uint8Array(buffer, HEAD),
  };
}

/** Bytes as the protocol writes them: a character each. */
export function latin(text: string): string {
  let out = "";
  for (const byte of new TextEncoder().encode(text)) out += String.fromCharCode(byte);
  return out;
}

export const writes = (role: string): boolean => role !== "viewer_read";
export const governs = (role: string): boolean => role === "session_admin" || role === "operator";
