/** Builds as they were told of lately: an answer that was made before does not know of them. */
import { mayLack } from "~/builds/rows";
import type { Build } from "~/api/types";
import type { Batch } from "~/live/store";

/** No answer is on its way for longer. */
const REMEMBERED_MS = 60_000;

export class Heard {
  /** What was told last comes last. */
  private readonly builds = new Map<number, Build>();

  add({ builds, gone }: Pick<Batch, "builds" | "gone">): void {
    for (const [id, build] of builds) {
      this.builds.delete(id);
      this.builds.set(id, build);
    }
    for (const id of gone) this.builds.delete(id);
    const newest = Math.max(...[...builds.values()].map((build) => Date.parse(build.recorded_at)));
    for (const [id, build] of this.builds) {
      if (Date.parse(build.recorded_at) >= newest - REMEMBERED_MS) break;
      this.builds.delete(id);
    }
  }

  /** What an answer may not know of. */
  missingIn(answer: { as_of: string }): Build[] {
    return [...this.builds.values()].filter((build) => mayLack(answer, build));
  }
}
