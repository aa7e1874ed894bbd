// What was printed before a repaint: for the scrollback of who comes late or comes back.

import { ask } from "./access";
import { frame } from "./wire";
import type { Frame } from "./wire";

/** Of more than this only the repaint is shown, while one is connected: the history has it. */
const CATCH_UP_MAX = 1024n * 1024n;

/** Gets what was printed between what is shown and a repaint; all that is kept where nothing is shown yet. */
export async function fetch_printed(
  session: string,
  have: { epoch: number; byte: bigint } | undefined,
  repaint: Frame,
): Promise<{ bytes: Uint8Array; whole: boolean } | undefined> {
  if (have && have.epoch === repaint.epoch && have.byte === repaint.from) return { bytes: new Uint8Array(), whole: true };
  if (have && (have.epoch !== repaint.epoch || repaint.from - have.byte > CATCH_UP_MAX)) return undefined;
  const from = have ? `&offset=${have.epoch}:${have.byte}` : "";
  const answer = await ask(`/api/v1/journal?session=${encodeURIComponent(session)}&to=${repaint.epoch}:${repaint.from}${from}`);
  const printed = frame(await answer.arrayBuffer());
  return printed && { bytes: printed.bytes, whole: !have || printed.from === have.byte };
}
