// What a card says, from what the daemon tells of it. Pure: words in, words out.

import type { Card } from "./wire";
import { say } from "./words";
import type { Word } from "./words";

/** The title of a card, which stands in the page's title as well: none of it is the remote's. */
export function title(card: Card): string {
  if (card.kind === "host-key") return say("hostkey_title");
  if (card.kind === "passphrase") return say("secret_title_passphrase");
  return say(card.kind === "challenge" ? "secret_title_code" : "secret_title");
}

/** Which sentence says what is wanted, and what is filled in: all of it the remote's, or a file's. */
export function sentence(card: Card): { word: Word; filled: Record<string, string> } {
  const { user, host } = account(card);
  if (card.kind === "host-key") return { word: "hostkey_say", filled: { host: card.host ?? host } };
  if (card.kind === "passphrase") return { word: "secret_say_passphrase", filled: { file: card.file ?? "" } };
  return { word: card.kind === "challenge" ? "secret_say_code" : "secret_say", filled: { user, host } };
}

/** `me@web1:22` in its parts; a user may hold an @, a host may not. */
export function account(card: Card): { user: string; host: string } {
  const whole = card.account ?? "";
  const at = whole.lastIndexOf("@");
  return { user: at < 0 ? "" : whole.slice(0, at), host: whole.slice(at + 1).replace(/:22$/, "") || card.target };
}

/** A fingerprint in groups of four, three rows, as people read it aloud. */
export function rows(key: string): string[] {
  const groups = key.replace(/^SHA256:/, "").match(/.{1,4}/g) ?? [];
  const made: string[] = [];
  for (let at = 0; at < groups.length; at += 4) made.push(groups.slice(at, at + 4).join(" "));
  return made;
}

/** Compares what a person was given with what the host shows; nothing where it is no fingerprint yet. */
export function compare(given: string, key: string): "same" | "different" | undefined {
  const bare = (it: string) => it.replace(/^SHA256:/i, "").replace(/[\s=]/g, "");
  const said = bare(given.trim());
  if (said === bare(key)) return "same";
  return said.length >= bare(key).length ? "different" : undefined;
}

/** Whether a secret may be typed here: the page came by loopback, or through TLS. */
export function is_safe_here(where: { protocol: string; hostname: string }): boolean {
  if (where.protocol === "https:") return true;
  return /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(where.hostname);
}
