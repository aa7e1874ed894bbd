// The rules of prediction, told with a played terminal: `node --test`, by the tests of the whole binary.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Predictor } from "../src/predict.ts";

/** A terminal at the far end of a slow line: what is sent arrives after `lag`, and its echo after `lag` again. */
class Far {
  readonly it = new Predictor();
  now = 0;
  seq = 0;
  row = 0;
  col = 2;
  seen: string[] = ["$ "];
  shown = "";
  echoes = true;
  private due: { at: number; does: () => void }[] = [];

  private readonly lag: number;

  constructor(lag: number) {
    this.lag = lag;
    this.it.begin(0);
    this.it.stands(true);
  }

  key(keys: string, does?: () => void): void {
    const seq = ++this.seq;
    this.it.typed(seq, keys, { row: this.row, col: this.col }, 80, this.now);
    this.later(this.lag, () => {
      const echoes = this.echoes;
      does?.();
      this.later(this.lag, () => {
        this.it.echo(seq, echoes ? "on" : "off", this.now);
        if (echoes && keys >= " " && keys <= "~") this.print(keys);
      });
    });
    this.note();
  }

  later(ms: number, does: () => void): void {
    this.due.push({ at: this.now + ms, does });
    this.due.sort((a, b) => a.at - b.at);
  }

  print(text: string): void {
    for (const char of text) {
      if (char === "\n") {
        [this.row, this.col] = [this.row + 1, 0];
        this.seen[this.row] = "";
      } else {
        const line = this.seen[this.row] ?? "";
        this.seen[this.row] = line.slice(0, this.col) + char + line.slice(this.col + 1);
        this.col += 1;
      }
    }
    this.it.printed({ row: this.row, col: this.col }, 80, ({ row, col }) => this.seen[row]?.[col] ?? " ");
  }

  pass(ms: number): void {
    const until = this.now + ms;
    while (this.due[0] && this.due[0].at <= until) {
      const next = this.due.shift();
      if (!next) break;
      this.now = next.at;
      next.does();
      this.note();
    }
    this.now = until;
    this.note();
  }

  private note(): void {
    this.shown += this.it.shown(this.now)?.text ?? "";
  }

  text(): string {
    return this.it.shown(this.now)?.text ?? "";
  }
}

test("keys are shown at once after the first echo of a line, and stand where the echo puts them", () => {
  const far = new Far(100);
  let at_once = 0;
  for (const char of "echo hello world") {
    far.key(char);
    if (far.text().endsWith(char)) at_once += 1;
    far.pass(60);
  }
  // The first four were typed before the first echo came.
  assert.ok(at_once >= 12, `${at_once}`);
  far.pass(1000);
  assert.equal(far.text(), "");
  assert.equal(far.seen[0], "$ echo hello world");
});

for (const [what, first] of [
  ["before the page knew of the prompt", (far: Far) => far.later(250, () => far.it.stands(true))],
  ["after a key that takes back", (far: Far) => far.key("\x7f")],
  ["after something else was printed", (far: Far) => far.later(150, () => far.print("x"))],
] as const) {
  test(`whoever types on without a pause is shown the rest of the line: begun ${what}`, () => {
    const far = new Far(100);
    if (what.startsWith("before")) far.it.drop();
    let at_once = 0;
    first(far);
    for (const char of "echo aa hello, aa brave new world") {
      far.key(char);
      if (far.text().endsWith(char)) at_once += 1;
      far.pass(60);
    }
    assert.ok(at_once >= 16, `${at_once}`);
    far.pass(1000);
    assert.equal(far.text(), "");
    assert.ok(far.seen[0]?.endsWith("echo aa hello, aa brave new world") || what.includes("else"), far.seen[0]);
  });
}

test("nothing is shown where the echo is near", () => {
  const far = new Far(2);
  for (const char of "echo hello") {
    far.key(char);
    far.pass(20);
  }
  assert.equal(far.shown, "");
});

for (const how of ["echo goes off at once", "the first keys are still shown by the kernel"]) {
  test(`a password is never shown: ${how}`, () => {
    for (let delay = 0; delay <= 400; delay += 10) {
      for (const prompt of ["[sudo] password for me: ", "Password: ", "s", ""]) {
        const far = new Far(100);
        for (const char of "sudo id") {
          far.key(char);
          far.pass(50);
        }
        far.pass(500);
        far.shown = "";
        const off = () => {
          far.echoes = false;
          far.later(100, () => {
            far.it.stands(false);
            far.print(`\n${prompt}`);
          });
        };
        // The kernel shows what comes before the program has switched it off.
        if (how.startsWith("echo")) far.key("\r", off);
        else far.key("\r", () => far.later(120, off));
        far.pass(delay);
        for (const char of "s[ecret") {
          far.key(char);
          far.pass(30);
        }
        far.pass(2000);
        assert.equal(far.shown, "", `${delay} ${prompt}`);
      }
    }
  });
}

test("a ready that was said before the line was sent does not hold after it", () => {
  const far = new Far(100);
  far.key("a");
  far.pass(300);
  far.key("\r");
  far.it.stands(true);
  far.key("s");
  far.key("e");
  far.print("s");
  assert.equal(far.text(), "");
});

test("what others type, another place of the cursor and keys that send hide it", () => {
  for (const does of [
    (far: Far) => far.it.wrote(far.now),
    (far: Far) => far.print("x"),
    (far: Far) => far.print("\n"),
    (far: Far) => far.it.stands(false),
    (far: Far) => far.it.drop(),
    (far: Far) => far.key("\x1b[A"),
    (far: Far) => far.key("\t"),
    (far: Far) => far.key("\x03"),
    (far: Far) => far.key("\x7f"),
  ]) {
    const far = new Far(100);
    far.key("a");
    far.pass(300);
    far.key("b");
    assert.equal(far.text(), "b");
    does(far);
    assert.equal(far.text(), "", String(does));
  }
});

test("whatever comes in whatever order, nothing but plain keys of a line that was seen at a prompt is shown", () => {
  let state = 88172645463325252n;
  const chance = (n: number): number => {
    state ^= (state << 13n) & 0xffffffffffffffffn;
    state ^= state >> 7n;
    state ^= (state << 17n) & 0xffffffffffffffffn;
    return Number(state % BigInt(n));
  };
  for (let round = 0; round < 300; round += 1) {
    const far = new Far(20 + chance(200));
    let asks = false;
    for (let step = 0; step < 60; step += 1) {
      const what = chance(10);
      if (what < 6) far.key(String.fromCharCode(97 + chance(26)));
      else if (what === 6) {
        asks = !asks;
        const now = asks;
        far.key("\r", () => {
          far.echoes = !now;
          far.later(100, () => {
            far.print("\n");
            far.it.stands(!now);
          });
        });
        far.shown = "";
      } else if (what === 7) far.key("\x7f");
      else if (what === 8) far.print(String.fromCharCode(97 + chance(26)));
      far.pass(chance(150));
      if (asks) assert.equal(far.shown, "", `round ${round}, step ${step}`);
    }
    far.pass(5000);
    assert.equal(far.text(), "");
  }
});
