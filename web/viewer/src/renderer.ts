// Draws with the graphics card where there is one and nobody said otherwise (`?renderer=dom`, `?renderer=webgl`, kept for the tab).

import type { Terminal } from "@xterm/xterm";

const KEY = "cotty.renderer";

/** Keeps what the address asks for. */
export function note_renderer(): void {
  const asked = new URLSearchParams(location.search).get("renderer");
  if (asked === "dom" || asked === "webgl") sessionStorage.setItem(KEY, asked);
}

/** Returns what draws. */
export async function draw_with_card(xterm: Terminal): Promise<"dom" | "webgl"> {
  const wanted = sessionStorage.getItem(KEY);
  if (wanted === "dom" || (wanted !== "webgl" && !has_card())) return "dom";
  try {
    const { WebglAddon } = await import("@xterm/addon-webgl");
    const addon = new WebglAddon();
    // A card that is taken away leaves the page with what needs none.
    addon.onContextLoss(() => addon.dispose());
    xterm.loadAddon(addon);
    return "webgl";
  } catch {
    return "dom";
  }
}

/** A card that is only played by the processor is slower than the page's own elements. */
function has_card(): boolean {
  const probe = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (!probe) return false;
  const named = probe.getExtension("WEBGL_debug_renderer_info");
  const name = named ? String(probe.getParameter(named.UNMASKED_RENDERER_WEBGL)) : "";
  probe.getExtension("WEBGL_lose_context")?.loseContext();
  return !/swiftshader|llvmpipe|software/i.test(name);
}
