// Makes elements. Text is always text: nothing here reads markup.

type Child = Node | string | null | undefined | false;
type Props = Record<string, string | boolean | EventListener | undefined>;

/** What has a listener of its own is never taken apart. */
const listens = new WeakSet<Element>();

/** Makes an element. `on…` properties are listeners, `class` and the rest attributes. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") {
      made.addEventListener(name.slice(2), value);
      listens.add(made);
    }
    else if (value === true) made.setAttribute(name, "");
    else if (typeof value === "string") made.setAttribute(name, value);
  }
  made.append(...children.filter((it): it is Node | string => !!it));
  return made;
}

/** Makes an element hold this, and touches only what is something else: what has the focus keeps it, and what is under the
 * pointer stays the same thing between press and release. */
export function fill(element: Element, ...children: Child[]): void {
  const kept = children.filter((it): it is Node | string => !!it);
  settle(element, h("div", {}, ...kept));
}

function settle(old: Element, wanted: Element): void {
  if (old.innerHTML === wanted.innerHTML) return;
  const [olds, wants] = [[...old.childNodes], [...wanted.childNodes]];
  wants.forEach((want, at) => {
    const it = olds[at];
    if (!it) old.append(want);
    else if (it instanceof Element && want instanceof Element) become(it, want);
    else if (!it.isEqualNode(want)) it.replaceWith(want);
  });
  olds.slice(wants.length).forEach((it) => it.remove());
}

function become(it: Element, want: Element): void {
  if (it.outerHTML === want.outerHTML) return;
  if (it.tagName !== want.tagName || listens.has(want) || listens.has(it)) return it.replaceWith(want);
  for (const name of it.getAttributeNames()) if (!want.hasAttribute(name)) it.removeAttribute(name);
  for (const name of want.getAttributeNames()) it.setAttribute(name, want.getAttribute(name) ?? "");
  settle(it, want);
}

const SVG = "http://www.w3.org/2000/svg";

function drawn(box: string, kind: string, ...paths: string[]): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", kind);
  svg.setAttribute("viewBox", box);
  svg.setAttribute("aria-hidden", "true");
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

const ICONS = {
  back: "M10 3 5 8l5 5",
  more: "M3.4 8h.2M7.9 8h.2M12.4 8h.2",
  shell: "m3 4.5 3.5 3.5L3 11.5M8.5 12H13",
  device: "M3.5 3h9v4h-9zM3.5 9h9v4h-9zM5.5 5h.01M5.5 11h.01",
  search: "M10.2 10.2l3.3 3.3M7 2.8a4.2 4.2 0 1 1 0 8.4 4.2 4.2 0 0 1 0-8.4z",
  up: "m3.5 10 4.5-4.5L12.5 10",
  down: "M3.5 6 8 10.5 12.5 6",
  cross: "m4 4 8 8M12 4l-8 8",
  paste: "M4.5 3h7v11h-7zM6 3V2h4v1M6 7.5h4M6 10.2h4",
  keyboard: "M1.8 4.5h12.4v7.5H1.8zM4 7h.01M6.7 7h.01M9.3 7h.01M12 7h.01M5 9.6h6",
} as const;

/** Draws an icon. */
export function icon(name: keyof typeof ICONS): SVGSVGElement {
  return drawn("0 0 16 16", "icon", ICONS[name]);
}

export type Actor = "you" | "person" | "agent" | "system";

/** Draws the shape of an actor: a disc, a ring, a diamond, a square. */
export function shape(actor: Actor): SVGSVGElement {
  const disc = "M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1z";
  const paths = { you: disc, person: "M6 1.8a4.2 4.2 0 1 1 0 8.4 4.2 4.2 0 0 1 0-8.4z", agent: "M6 .4 11.6 6 6 11.6.4 6z", system: "M2 2h8v8H2z" };
  const kind = actor === "person" ? "shape ring" : actor === "system" ? "shape box" : "shape";
  return drawn("0 0 12 12", kind, paths[actor]);
}

const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** A text of the remote's in our frame: one line, in its own face, without what cannot be seen. */
export function remote(text: string, kind = "remote"): HTMLElement {
  return h("bdi", { class: kind }, text.replace(INVISIBLE, "").slice(0, 200));
}

/** A running time: 0:42, 12:03, 1:02:03. */
export function clock(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (it: number) => String(it).padStart(2, "0");
  const [hours, minutes, seconds] = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** An age: 12 s, 6 min, 3 h, 2 d. */
export function age(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  return s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
}
