/** What a server refuses for want of a key, or of a key that may more. */
import { Refused } from "~/api/request";

export function lacksKey(error: unknown): error is Refused {
  return error instanceof Refused && (error.status === 401 || error.status === 403);
}
