// Chooses light or dark before the first paint.
{
  const wanted = localStorage.getItem("cotty.theme") ?? "system";
  const light = wanted === "light" || (wanted === "system" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset["theme"] = light ? "light" : "dark";
}
