// Shows streams to xterm and prints what it then has: one line in, one line out.
// In: columns, rows and the stream in hex. Out: rows, cursor and modes as JSON.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.argv[2] + "/"));
const { Terminal } = require("@xterm/headless");

function look(terminal) {
  const buffer = terminal.buffer.active;
  const rows = [];
  for (let row = 0; row < terminal.rows; row++) {
    const line = buffer.getLine(buffer.baseY + row);
    const cells = [];
    for (let column = 0; column < terminal.cols; column++) {
      const cell = line.getCell(column);
      const chars = cell.getChars() || (cell.getWidth() === 0 ? "" : " ");
      cells.push([chars, cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor(),
        cell.isBold(), cell.isDim(), cell.isItalic(), cell.isUnderline(), cell.isInverse(), cell.isInvisible(), cell.isStrikethrough()]);
    }
    rows.push(cells);
  }
  return JSON.stringify([buffer.type, buffer.cursorX, buffer.cursorY, terminal.modes, rows]);
}

for await (const line of createInterface({ input: process.stdin })) {
  const [cols, rows, hex] = line.split(" ");
  const terminal = new Terminal({ cols: +cols, rows: +rows, allowProposedApi: true, scrollback: 0, logLevel: "off" });
  await new Promise((done) => terminal.write(Buffer.from(hex, "hex"), done));
  console.log(look(terminal));
  terminal.dispose();
}
