// What a person has chosen for this browser, and kept in it alone.

export interface Settings { theme: "system" | "dark" | "light"; size: number; reader: boolean; notify: boolean; predict: boolean }

export const is_phone = (): boolean => matchMedia("(max-width: 767px)").matches;
export const is_wide = (): boolean => matchMedia("(min-width: 1280px)").matches;

export function settings(): Settings {
  const said = localStorage.getItem("cotty.theme");
  return {
    theme: said === "dark" || said === "light" ? said : "system",
    size: Number(localStorage.getItem("cotty.size")) || (is_phone() ? 12 : 13),
    reader: localStorage.getItem("cotty.reader") === "yes",
    predict: localStorage.getItem("cotty.predict") !== "no",
    notify: localStorage.getItem("cotty.notify") === "yes",
  };
}

export function choose(name: "theme" | "size" | "reader" | "notify" | "predict", value: string): void {
  localStorage.setItem(`cotty.${name}`, value);
  dress();
}

/** Light or dark, as was chosen or as the system has it now. */
export function dress(): void {
  const { theme } = settings();
  const light = theme === "light" || (theme === "system" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset["theme"] = light ? "light" : "dark";
}
