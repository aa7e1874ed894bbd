// How the session stands, asked for soon after something has changed, and not too often.

import { get } from "./access";
import type { Evidence, Session } from "./wire";

export class Standing {
  status: Session | undefined;
  /** How the command that runs was judged, where somebody looks at it. */
  evidence: Evidence | undefined;
  private looking: "no" | "once" | "again" = "no";

  /** `judged` says whether the verdict is looked at. */
  constructor(private readonly name: () => string, private readonly judged: () => boolean, private readonly took: (status: Session) => void) {}

  async look(): Promise<void> {
    if (this.looking !== "no") {
      this.looking = "again";
      return;
    }
    this.looking = "once";
    try {
      const status = await get<Session>(`/api/v1/status?session=${encodeURIComponent(this.name())}`);
      this.status = status;
      this.evidence = status.running && this.judged() ? await judge(status.running.id) : undefined;
      this.took(status);
    } catch {
      // The socket tells what has become of the daemon.
    }
    const again = this.is_asked_again();
    this.looking = "no";
    if (again) void this.look();
  }

  private is_asked_again(): boolean {
    return this.looking === "again";
  }
}

const judge = (id: string): Promise<Evidence | undefined> => get<Evidence>(`/api/v1/evidence?command=${id}`).catch(() => undefined);
