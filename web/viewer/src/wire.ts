// What no schema says of the published words: binary frames, close codes, who may do what. The types themselves are made from `wire`.

import type * as published from "./types";

export type { Device, Devices, EndedCard, Evidence, Failure, FromClient, FromServer, Holds, LoggedIn, Me, Session, Who } from "./types";

/** A card, and when it ends on this page's own clock. */
export type Card = published.Card & { ends?: number };

/** The list of sessions, and what waits for a person. */
export interface Sessions { sessions: published.Session[]; cards?: Card[] }

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
