/** Answers that say something only when all of them are there. Pure. */

interface Asked {
  data: unknown;
  error: unknown;
  refetch: () => unknown;
}

/** What is still missing of them, and why. */
export interface Together {
  isAll: boolean;
  /** Of one that is missing; null while all those are awaited. */
  error: unknown;
  again: () => void;
}

export function together(asked: readonly Asked[]): Together {
  const missing = asked.filter(({ data }) => data === undefined);
  const failed = missing.filter(({ error }) => error !== null);
  return {
    isAll: missing.length === 0,
    error: failed[0]?.error ?? null,
    again: () => {
      for (const { refetch } of failed) void refetch();
    },
  };
}
