import { send } from "./connection";
import { showError } from "./toasts";
import { useWindow } from "./window";

export type ThemeChoice = "system" | "light" | "dark";
export type LanguageChoice = "system" | "en" | "de";

/** The small UI state that all windows share and that outlives a restart. */
export interface Preferences {
  theme: ThemeChoice;
  language: LanguageChoice;
  sidebar: "open" | "collapsed";
}

const allowed: { [K in keyof Preferences]: readonly Preferences[K][] } = {
  theme: ["system", "light", "dark"],
  language: ["system", "en", "de"],
  sidebar: ["open", "collapsed"],
};

/** A preference as it is now. What an older or newer version wrote and this one does not know counts as not set. */
export function readPreference<K extends keyof Preferences>(
  values: Readonly<Record<string, unknown>>,
  key: K,
): Preferences[K] {
  const value = values[key];
  const known = allowed[key].find((choice) => choice === value);
  return known ?? (allowed[key][0] as Preferences[K]);
}

export function usePreference<K extends keyof Preferences>(key: K): Preferences[K] {
  return useWindow((state) => readPreference(state.preferences, key));
}

/** Sets a preference: at once in this window, and through the engine in all others. */
export async function setPreference<K extends keyof Preferences>(key: K, value: Preferences[K]): Promise<void> {
  useWindow.setState((state) => ({ preferences: { ...state.preferences, [key]: value } }));
  try {
    await send({ type: "preference_set", key, value });
  } catch (thrown) {
    showError(thrown);
  }
}
