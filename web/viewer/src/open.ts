// Opens a session, and says where it is seen: also while it still waits for a person.

import { Refused, get } from "./access";
import type { Card, Session } from "./wire";

/** The first prompt is waited for this long; what takes longer is seen on its own page. */
const WAIT_MS = 10_000;

/** Where a session is seen, and the card that it waits for. */
export interface Seen { session: string; card?: string }

const is_over = (it: Session): boolean => ["exited", "closed", "lost"].includes(it.state);

/** Opens what a person has asked for. One that waits for an answer is there already, with its card. */
export async function open(target: string): Promise<Seen> {
  try {
    const opened = await get<{ session: Session }>("/api/v1/sessions", { target, wait_ms: WAIT_MS });
    return { session: opened.session.name };
  } catch (error) {
    const waits = error instanceof Refused ? await living(target).catch(() => undefined) : undefined;
    if (!waits?.card) throw error;
    return waits;
  }
}

/** Finds what lives on a target: the session that is named like it, else the one that was opened first. */
export async function living(target: string): Promise<Seen | undefined> {
  const { sessions, cards } = await get<{ sessions: Session[]; cards?: Card[] }>("/api/v1/sessions");
  const there = sessions.filter((it) => it.target === target && !is_over(it));
  const found = there.find((it) => it.name === target.replace("/", "-")) ?? there[0];
  const card = cards?.find((it) => found ? it.session === found.name : it.target === target);
  const session = found?.name ?? card?.session;
  return session === undefined ? undefined : { session, ...(card ? { card: card.id } : {}) };
}

/** The address of a session's page. */
export const address = ({ session, card }: Seen): string => `/s/${encodeURIComponent(session)}${card ? `#${card}` : ""}`;
