import type { ThemeChoice } from "../stores/preferences";

const HINT_KEY = "cockpit-theme-hint";

let stop = () => {};

/** Puts a theme on the page and, for `system`, keeps following the system. A later call replaces an earlier one. */
export function followTheme(choice: ThemeChoice): void {
  stop();
  const system = matchMedia("(prefers-color-scheme: dark)");
  const put = () => {
    const dark = choice === "dark" || (choice === "system" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  put();
  system.addEventListener("change", put);
  stop = () => system.removeEventListener("change", put);
}

/** The theme of the last run, so that the first paint has no flash. It is only a hint: the preference itself lives in the engine. */
export function themeHint(): ThemeChoice {
  const hint = localStorage.getItem(HINT_KEY);
  return hint === "light" || hint === "dark" ? hint : "system";
}

export function rememberThemeHint(choice: ThemeChoice): void {
  localStorage.setItem(HINT_KEY, choice);
}
