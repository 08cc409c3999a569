/** Jobs on one axis of time: rows in the order of what happened, bars as shares of the whole. */
import type { Job } from "~/api/types";
import { grouped } from "~/lib/group";
import { instant } from "./critical_path";

export interface Bar {
  job: Job;
  /** It ran in an attempt before, and was not run again. */
  isTakenOver: boolean;
  /** Shares of the axis, from 0 to 1. */
  queued: number | null;
  /** When nothing but a runner was missing: earlier stages had ended. */
  ready: number | null;
  started: number | null;
  ended: number | null;
  waitMs: number | null;
  runMs: number | null;
}

export interface Stage {
  name: string | null;
  bars: Bar[];
}

export interface Axis {
  from: number;
  to: number;
}

/** Whether a job ran before its attempt began: a re-run of what failed lists what passed before, too. */
export function isTakenOver(job: Job, began: string | null): boolean {
  const start = instant(job.started_at);
  return began !== null && start !== undefined && start < Date.parse(began);
}

/** From the first creation to the last end; an attempt that is open reaches to now. */
export function axisOf(jobs: readonly Job[], isOpen: boolean, now: number): Axis {
  const known = jobs.flatMap((job) => [job.queued_at, job.started_at, job.finished_at].flatMap((at) => instant(at) ?? []));
  if (isOpen) known.push(now);
  const from = Math.min(...known);
  return known.length === 0 ? { from: now, to: now + 1000 } : { from, to: Math.max(from + 1000, ...known) };
}

/** Stages by their first start, in each the jobs by theirs; what never began stays where the provider put it. */
export function stagesOf(jobs: readonly Job[], axis: Axis, now: number, began: string | null = null): Stage[] {
  const byStage = grouped(jobs, (job) => job.stage);
  const stages = [...byStage].map(([name, members]) => ({ name, jobs: inOrder(members, startOf), start: Math.min(...members.map(startOf)) }));
  return inOrder(stages, (stage) => stage.start).map((stage, place, all) => {
    const before = stage.name === null ? [] : all.slice(0, place).flatMap((other) => other.jobs);
    const bar = (job: Job): Bar => isTakenOver(job, began) ? { ...EMPTY, job, isTakenOver: true } : barOf(job, before, axis, now);
    return { name: stage.name, bars: stage.jobs.map(bar) };
  });
}

function inOrder<Item>(items: readonly Item[], start: (item: Item) => number): Item[] {
  return items.toSorted((one, other) => ordered(start(one), start(other)));
}

function ordered(one: number, other: number): number {
  return one === other ? 0 : one - other;
}

function startOf(job: Job): number {
  return instant(job.started_at) ?? Number.POSITIVE_INFINITY;
}

const EMPTY = { queued: null, ready: null, started: null, ended: null, waitMs: null, runMs: null };

function barOf(job: Job, before: readonly Job[], axis: Axis, now: number): Bar {
  const queued = instant(job.queued_at);
  const start = job.status === "skipped" ? undefined : instant(job.started_at);
  const isWaiting = job.status === "queued" || job.status === "blocked";
  const began = start ?? (isWaiting ? now : undefined);
  const end = start === undefined ? undefined : Math.max(start, instant(job.finished_at) ?? now);
  const ready = began === undefined || queued === undefined ? undefined : Math.max(queued, ...before.flatMap((other) => endBefore(other, began)));
  const length = axis.to - axis.from;
  const share = (at: number | undefined): number | null => at === undefined ? null : Math.min(1, Math.max(0, (at - axis.from) / length));
  return {
    job,
    isTakenOver: false,
    queued: began === undefined ? null : share(queued),
    ready: share(ready),
    started: share(began),
    ended: share(end),
    waitMs: ready === undefined || began === undefined ? null : Math.max(0, began - ready),
    runMs: start === undefined || end === undefined ? null : end - start,
  };
}

function endBefore(job: Job, start: number): number[] {
  const end = instant(job.finished_at);
  return end === undefined || end > start ? [] : [end];
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 172_800, 604_800] as const;

/** Round places on the axis, in seconds from its begin, as shares; about as many as asked for. */
export function ticksOf({ from, to }: Axis, wanted: number): { seconds: number; share: number }[] {
  const whole = (to - from) / 1000;
  const step = STEPS.find((seconds) => whole / seconds <= wanted) ?? Math.ceil(whole / wanted / 604_800) * 604_800;
  return Array.from({ length: Math.floor(whole / step) + 1 }, (_, place) => ({ seconds: place * step, share: (place * step) / whole }));
}
