/** Something that needs a key: done at once where a session allows it, else after a key was asked for. */
import { useCallback, useState, type ReactElement } from "react";
import { Refused } from "~/api/request";
import { KeySheet } from "./key_sheet";
import { look } from "./session";

interface Wish {
  run: () => Promise<void>;
  /** Why the server did not do it as it was. */
  refusal: string;
}

export interface Keyed {
  /** Do this; where a key is missing, ask for one and go on. Throws whatever else is refused. */
  attempt: (run: () => Promise<void>) => Promise<void>;
  /** To be shown by whoever asked: nothing, unless a key is asked for. */
  sheet: ReactElement | null;
}

/** `scope`: what a key has to allow for it. */
export function useKeyed(what: string, scope: string): Keyed {
  const [wish, setWish] = useState<Wish | null>(null);
  const attempt = useCallback(async (run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      if (!lacksKey(error)) throw error;
      if (error.status === 401) void look();
      setWish({ run, refusal: said(error) });
    }
  }, []);
  const close = useCallback(() => setWish(null), []);
  return { attempt, sheet: wish && <KeySheet what={what} scope={scope} refusal={wish.refusal} run={wish.run} onClose={close} /> };
}

/** Without what a program has to send: here somebody looks at a field to type in. */
function said({ message }: Refused): string {
  return message.replace(/: send Authorization: .*$/, ".");
}

function lacksKey(error: unknown): error is Refused {
  return error instanceof Refused && (error.status === 401 || error.status === 403);
}
