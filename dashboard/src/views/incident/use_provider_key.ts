/** `o` opens the failure where it happened. */
import type { OneIncident } from "~/api/types";
import { useShortcuts } from "~/state/keys";
import { openOutside } from "~/ui/outside";

export function useProviderKey(incident: OneIncident | undefined, group: string): void {
  useShortcuts([{ keys: ["o"], words: "Open the last failure at the provider", group, run: () => openOutside(incident?.last_bad?.web_url ?? incident?.first_bad?.web_url) }]);
}
