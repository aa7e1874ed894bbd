// xterm.js under `style-src 'self'`: its renderer makes <style> elements and sets `style` attributes, which that stops.
// Inside `holder` a style element is a hidden one whose text goes to a constructed sheet.

export function shim(holder: HTMLElement): void {
  const real = document.createElement.bind(document);
  const make = (name: string, options?: ElementCreationOptions): HTMLElement => {
    if (name.toLowerCase() !== "style") return seal(real(name, options));
    const sheet = new CSSStyleSheet();
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    const hidden = real("i");
    hidden.hidden = true;
    Object.defineProperty(hidden, "textContent", { set: (text: string) => sheet.replaceSync(text) });
    hidden.remove = () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((it) => it !== sheet);
      Element.prototype.remove.call(hidden);
    };
    return hidden;
  };
  // xterm asks its parent's document; the page itself makes no style elements.
  holder.ownerDocument.createElement = make as typeof document.createElement;
}

function seal(element: HTMLElement): HTMLElement {
  const set = element.setAttribute.bind(element);
  element.setAttribute = (name, value) => {
    if (name === "style") element.style.cssText = value;
    else set(name, value);
  };
  return element;
}
