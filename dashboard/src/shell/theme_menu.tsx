/** How the page looks and which keys it takes. */
import type { ReactElement } from "react";
import { useLocation } from "wouter";
import { flagOr, usePreference } from "~/state/preferences";
import { chooseTheme, useTheme, type Theme } from "~/state/theme";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { ViewLink } from "~/ui/view_link";
import type { IconName } from "~/lib/status";

const THEMES: readonly { theme: Theme; word: string; icon: IconName }[] = [
  { theme: "system", word: "As the system", icon: "screen" },
  { theme: "light", word: "Light", icon: "sun" },
  { theme: "dark", word: "Dark", icon: "moon" },
];

export function ThemeMenu({ onKeys }: { onKeys: () => void }): ReactElement {
  const chosen = useTheme();
  const [path] = useLocation();
  const [leaves, setLeaves] = usePreference("leaveBrowserKeys", flagOr(false));
  const [isQuiet, setQuiet] = usePreference("leaveLetters", flagOr(false));
  const icon = THEMES.find((one) => one.theme === chosen)?.icon ?? "screen";
  return (
    <Menu label={<Icon name={icon} />} words="Appearance and keys" className="button square plain">
      <div role="radiogroup" aria-label="Theme">
        {THEMES.map((one) => (
          <button key={one.theme} type="button" className="choice" role="radio" aria-checked={chosen === one.theme} onClick={() => chooseTheme(one.theme)}>
            <Icon name={one.icon} /> {one.word}
          </button>
        ))}
      </div>
      <hr />
      <label className="choice">
        <input type="checkbox" checked={leaves} onChange={(event) => setLeaves(event.target.checked)} /> Leave Ctrl+R and Ctrl+F to the browser, and Alt+1 to 7
      </label>
      <label className="choice">
        <input type="checkbox" checked={isQuiet} onChange={(event) => setQuiet(event.target.checked)} /> Single letters do nothing
      </label>
      <button type="button" className="choice" onClick={onKeys}>
        <Icon name="keyboard" /> Keys <kbd className="push">?</kbd>
      </button>
      <ViewLink to={path} also={{ kiosk: "1" }} className="choice"><Icon name="screen" /> Wall display <small className="quiet push"><kbd>Esc</kbd> leaves it</small></ViewLink>
      <a className="choice" href="/api/docs"><Icon name="info" /> The API</a>
    </Menu>
  );
}
