// The stable address of a device, or of one of its connections: the session that lives there, or an offer to open one.

import { Refused, Stranger, get } from "./access";
import { fill, h, icon, remote } from "./dom";
import { draw_message } from "./frame";
import { note } from "./note";
import { living, open } from "./open";
import type { Seen } from "./open";
import { SessionPage } from "./session";
import { governs } from "./wire";
import type { Device, Me } from "./wire";
import { say, say_with } from "./words";

/** It is looked this often whether somebody has opened it. */
const LOOK_MS = 2000;

export class DevicePage {
  private readonly address = h("span", { class: "addr mono" });
  private readonly words = h("div", { class: "opening" });
  private readonly pen = h("footer", { class: "pen", "aria-label": say("pen") });
  private device: Device | undefined;
  private busy = false;
  private trouble = "";
  private timer = 0;

  constructor(private readonly target: string, private readonly me: Me) {
    document.body.replaceChildren(h("div", { class: "frame no-side coming" },
      h("header", { class: "top" }, h("a", { class: "button bare", href: "/" }, icon("back"), h("span", { class: "wide-only" }, say("sessions"))),
        h("span", { class: "rule" }), h("h1", {}, remote(target, "")), this.address),
      h("main", { class: "stage", "aria-label": say("terminal", { name: target }) }, this.words), this.pen));
    document.title = `${target} · cotty`;
    if (governs(me.role)) void get<{ devices: Device[] }>("/api/v1/devices").then((it) => this.know(it.devices), () => undefined);
    this.timer = window.setInterval(() => { if (!document.hidden && !this.busy) void this.look(); }, LOOK_MS);
  }

  /** The page of the session that lives there; else the offer, until one does. */
  static async at(target: string, me: Me): Promise<void> {
    const found = await living(target);
    if (found) show(found, me);
    else new DevicePage(target, me).draw();
  }

  private know(devices: Device[]): void {
    this.device = devices.find((it) => it.name === this.target);
    this.draw();
  }

  private async look(): Promise<void> {
    try {
      const found = await living(this.target);
      if (found && !this.busy) this.become(found);
    } catch (error) {
      if (error instanceof Stranger) this.end("stranger");
      else if (error instanceof Refused && error.status === 401) this.end("login_ended");
    }
  }

  private async open(): Promise<void> {
    if (this.busy) return;
    [this.busy, this.trouble] = [true, ""];
    this.draw();
    try {
      this.become(await open(this.target));
    } catch (error) {
      if (error instanceof Stranger) return this.end("stranger");
      this.busy = false;
      this.trouble = error instanceof Refused ? `${error.failure.what}. ${error.failure.next}` : say("nobody_answers");
      this.draw();
    }
  }

  private become(found: Seen): void {
    clearInterval(this.timer);
    show(found, this.me);
  }

  private end(word: "stranger" | "login_ended"): void {
    clearInterval(this.timer);
    note(word);
  }

  private draw(): void {
    const { device, target, busy } = this;
    if (device) fill(this.address, remote(`${device.user ? `${device.user}@` : ""}${device.host}${device.port ? `:${device.port}` : ""}`));
    const name = () => ({ name: remote(target, "") });
    fill(this.words, h("h2", {}, ...say_with(busy ? "opening" : "device_empty", name())),
      device?.label ? h("p", {}, remote(device.label, "")) : null,
      h("p", {}, say("device_waits")),
      this.trouble ? h("p", { class: "trouble", role: "alert" }, remote(this.trouble, "")) : null);
    const acts = governs(this.me.role) && !busy ? [{ word: say("open_it", { name: target }), primary: true, does: () => void this.open() }] : [];
    draw_message(this.pen, { said: say("not_open_yet"), keys: say("keys_none"), acts });
  }
}

/** The address stays what it was: it is the stable one. */
function show({ session, card }: Seen, me: Me): void {
  if (card && !location.hash) history.replaceState(null, "", `#${card}`);
  new SessionPage(session, me);
}
