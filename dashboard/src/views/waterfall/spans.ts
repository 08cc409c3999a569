/** What stands over columns that belong together: which pipeline they are of, and whether that is to be believed. Pure. */
import { fullName, type Group, type Shown } from "./groups";

export interface Span {
  key: string;
  name: string;
  /** With the repository, whether or not others are shown. */
  title: string;
  columns: number;
  /** Whether the first of the columns is the pipeline's own, which already says whose they are. */
  isNamed: boolean;
}

export function spansOf(columns: readonly Shown[]): Span[] {
  const isNeeded = hasRepositories(columns.map(({ group }) => group));
  const spans: Span[] = [];
  for (const [place, { group }] of columns.entries()) {
    const last = spans.at(-1);
    if (last !== undefined && !isFirst(columns, place)) last.columns += 1;
    else spans.push({ key: group.key, name: ownerName(group, isNeeded), title: ownerName(group, true), columns: 1, isNamed: isOwn(columns[place]) });
  }
  return spans;
}

/** Whether another pipeline begins here, or another group that is of none. */
export function isFirst(columns: readonly Shown[], place: number): boolean {
  const [here, before] = [columns[place]?.group, columns[place - 1]?.group];
  if (here === undefined || before === undefined) return true;
  return here.owner === null ? here.key !== before.key : here.owner.pipelineId !== before.owner?.pipelineId;
}

/** Whether a column is a pipeline's own: its builds, not one of its jobs. */
export function isOwn(column: Shown | undefined): boolean {
  return column?.columns.length === 1 && column.columns[0]?.isPipeline === true;
}

/** Whether nothing stands over a column that says whose it is: over a single one is no room, and a pipeline's own says it. */
export function saysItself(columns: readonly Shown[], place: number): boolean {
  return isFirst(columns, place) && (isFirst(columns, place + 1) || isOwn(columns[place]));
}

/** Whether a pipeline's name alone may not say which one is meant. */
export function hasRepositories(groups: readonly Group[]): boolean {
  return new Set(groups.flatMap(({ owner }) => owner?.repository ?? [])).size > 1;
}

/** Everything that a column is known by. */
export function titleOf({ group, columns, isGroup }: Shown): string {
  const [only] = columns;
  if (isGroup || only === undefined) return groupName(group, true);
  return placed(fullName(only), only.repository);
}

/** What a group is called among those of other pipelines. */
export function groupName(group: Group, withRepository: boolean): string {
  const { owner, name } = group;
  if (owner === null) return name;
  return placed(owner.pipeline === name ? name : `${owner.pipeline} / ${name}`, withRepository ? owner.repository : null);
}

function ownerName({ owner, name }: Group, withRepository: boolean): string {
  return owner === null ? name : placed(owner.pipeline, withRepository ? owner.repository : null);
}

/** A pipeline may be called as its repository is. */
export function placed(name: string, repository: string | null): string {
  return repository === null || repository === name ? name : `${name} · ${repository}`;
}

/** Why a column's head is marked: the first of a pipeline's columns speaks for all of them, its own for itself. */
export function staleReason(columns: readonly Shown[], place: number, stale: ReadonlyMap<number, string>): string | undefined {
  const speaksForAll = isFirst(columns, place);
  const speaking = columns[place]?.columns.filter(({ isPipeline }) => isPipeline || speaksForAll) ?? [];
  return speaking.map(({ pipelineId }) => stale.get(pipelineId)).find((reason) => reason !== undefined);
}
