/** A log as React reads it. */
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { LogReader, type LogState } from "./reader";

export interface Reading {
  state: LogState;
  again: () => void;
}

export function useLog(build: number, attempt: number, job: number | null, hasJobs: boolean, isOpen: boolean): Reading {
  const reader = useMemo(() => new LogReader({ build, attempt, job, hasJobs }), [build, attempt, job, hasJobs]);
  useEffect(() => reader.hurry(isOpen), [reader, isOpen]);
  return { state: useSyncExternalStore(reader.subscribe, reader.snapshot), again: reader.again };
}
