// Drives one browser for a story: an order a line on standard input, an answer a line on standard output.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(`${process.env.COTTY_TEST_CLIENTS}/browser/`);
const { chromium } = require("playwright-core");

const WAIT_MS = 25_000;

// The sandbox is switched off in tests alone: they run as root in containers that have none to give.
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
const pages = new Map();
const complaints = [];

async function page(name) {
  if (!pages.has(name)) {
    const made = await context.newPage();
    made.on("console", (it) => it.type() === "error" && complaints.push(it.text()));
    made.on("pageerror", (it) => complaints.push(String(it)));
    pages.set(name, made);
  }
  return pages.get(name);
}

/** Waits until a script is true. Not in the page: its policy lets no text become script. */
async function wait(it, script) {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    // While a page is loaded there is nothing to ask.
    const found = await it.evaluate(script).catch(() => false);
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${WAIT_MS} ms in vain`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

const acts = {
  go: async (it, { url }) => void (await it.goto(url)),
  size: async (it, { width, height }) => void (await it.setViewportSize({ width, height })),
  eval: (it, { script }) => it.evaluate(script),
  wait: (it, { script }) => wait(it, script),
  type: async (it, { text, every_ms = 0 }) => void (await it.keyboard.type(text, { delay: every_ms })),
  press: async (it, { key }) => void (await it.keyboard.press(key)),
  // A page behind another one draws nothing, and waits for its next frame for good.
  click: async (it, { target }) => (await it.bringToFront(), void (await it.click(target, { timeout: WAIT_MS }))),
  tap: async (it, { target }) => void (await it.locator(target).first().dispatchEvent("pointerdown")),
  shot: async (it, { path }) => void (await it.screenshot({ path })),
  offline: async (_, { yes }) => void (await context.setOffline(yes)),
  media: async (it, { scheme }) => void (await it.emulateMedia({ colorScheme: scheme })),
  complaints: () => complaints.splice(0),
  close: async (it) => void (await it.close()),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { act, on = "page", ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = { done: (await acts[act](await page(on), rest)) ?? null };
  } catch (error) {
    answer = { failed: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
