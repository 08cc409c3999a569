/** What stands around every view: navigation, selectors, how fresh all of it is. */
import { useState, type ReactElement } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { useReach } from "~/live/reach";
import { useLink } from "~/live/store";
import { SessionMenu } from "~/session/session_menu";
import { useShortcuts } from "~/state/keys";
import { toggleTheme } from "~/state/theme";
import { keeping, useParameters } from "~/state/url";
import { Blank } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { VIEWS } from "~/views";
import { Arrival } from "./arrival";
import { Boundary } from "./boundary";
import { Freshness } from "./freshness";
import { KeySheet } from "./key_sheet";
import { LinkBadge } from "./link_badge";
import { Navigation } from "./navigation";
import { Selectors } from "./selectors";
import { Staged } from "./staged";
import { ThemeMenu } from "./theme_menu";
import "./shell.css";

export function Shell(): ReactElement {
  const [path] = useLocation();
  const { get, search } = useParameters();
  const [hasSheet, setHasSheet] = useState(false);
  const isKiosk = get("kiosk") !== null;
  const { state } = useReach();
  const isOld = state === "silent" || state === "returning";
  useGlobalKeys(() => setHasSheet(true));
  return (
    <div className="shell" data-kiosk={isKiosk || undefined}>
      <a className="skip" href="#content">Skip to the content</a>
      <header className="top">
        <ViewLink to="/" className="brand">
          <img src={`${import.meta.env.BASE_URL}mark.svg`} alt="" width="22" height="22" />
          <span>Build Observatory</span>
        </ViewLink>
        <Selectors />
        <div className="row push">
          <LinkBadge />
          <SessionMenu />
          <ThemeMenu onKeys={() => setHasSheet(true)} />
        </div>
      </header>
      <Navigation />
      <main id="content" tabIndex={-1} data-old={isOld || undefined}>
        {isKiosk && <WallLink />}
        <Freshness />
        <Boundary key={path}>
          <Switch>
            {VIEWS.map((view) => (
              <Route key={view.path} path={view.path}><Staged view={view} path={path} /></Route>
            ))}
            <Route path="/incidents"><Redirect to={keeping("/alerts", search)} replace /></Route>
            <Route>
              <Blank icon="question" title="There is no such page" isPage>
                The <ViewLink to="/">overview</ViewLink> is there, and everything in the navigation.
              </Blank>
              <Arrival path={path} />
            </Route>
          </Switch>
        </Boundary>
      </main>
      {hasSheet && <KeySheet onClose={() => setHasSheet(false)} />}
    </div>
  );
}

/** Where there is no header, only a broken link is worth a place. */
function WallLink(): ReactElement | null {
  return useLink().state === "live" ? null : <div className="wall-link"><LinkBadge /></div>;
}

function useGlobalKeys(showKeys: () => void): void {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const { get, set, search } = useParameters();
  const go = VIEWS.flatMap((view, place) =>
    view.title === null ? [] : [{ keys: [`Alt+${place + 1}`], words: view.title, group: "Views", run: () => navigate(keeping(view.path, search)) }],
  );
  useShortcuts([
    { keys: ["?"], words: "Show these keys", group: "Everywhere", run: showKeys },
    { keys: ["r", "Ctrl+r"], words: "Refresh the data", group: "Everywhere", run: () => void client.invalidateQueries() },
    { keys: ["/", "Ctrl+f"], words: "Search", group: "Everywhere", run: focusSearch, isThere: () => searchField() !== null },
    { keys: ["t", "Ctrl+t"], words: "Switch between light and dark", group: "Everywhere", run: toggleTheme },
    ...(get("kiosk") === null ? [] : [{ keys: ["Escape"], words: "Leave the wall display", group: "Everywhere", run: () => set({ kiosk: null }) }]),
    ...go,
  ]);
}

/** The view's own search where it has one, else the first field there is. */
function focusSearch(): void {
  const field = searchField();
  field?.focus();
  field?.select();
}

function searchField(): HTMLInputElement | null {
  return document.querySelector<HTMLInputElement>("main input[type=search]") ?? document.querySelector<HTMLInputElement>("input[type=search]");
}
