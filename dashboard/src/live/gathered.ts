/** Events of a moment, of each subject the last: a burst is painted once. */
import type { Build, Incident } from "~/api/types";
import type { StreamEvent } from "./feed";
import type { Batch } from "./store";

const GATHER_MS = 150;

export class Gathered {
  private builds = new Map<number, Build>();
  private incidents = new Map<number, Incident>();
  private gone = new Set<number>();
  private isResync = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly tell: (batch: Batch) => void) {}

  add(event: StreamEvent): void {
    const { build, incident } = event.data;
    if (build) this.builds.set(build.id, build);
    else if (build === null && event.build_id !== undefined) this.delete(event.build_id);
    if (incident) this.incidents.set(incident.id, incident);
    this.later();
  }

  resync(): void {
    this.isResync = true;
    this.later();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private delete(id: number): void {
    this.builds.delete(id);
    this.gone.add(id);
  }

  private later(): void {
    this.timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  private flush(): void {
    const batch = { builds: this.builds, incidents: this.incidents, gone: this.gone, isResync: this.isResync };
    this.builds = new Map();
    this.incidents = new Map();
    this.gone = new Set();
    this.isResync = false;
    this.timer = undefined;
    this.tell(batch);
  }
}
