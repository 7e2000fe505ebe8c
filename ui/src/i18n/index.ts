import { create } from "zustand";
import { m } from "./generated/messages.js";
import { type Locale, setLocale as setMessageLocale } from "./generated/runtime.js";

export type { Locale };
export { m };

/** What the message functions read. The store beside it makes components draw again when it changes. */
const useLocaleStore = create<{ locale: Locale }>(() => ({ locale: "en" }));

/** The catalogue, in a component. Draws again when the language changes. */
export function useMessages(): typeof m {
  useLocaleStore();
  return m;
}

export function useLocale(): Locale {
  return useLocaleStore((state) => state.locale);
}

export function currentLocale(): Locale {
  return useLocaleStore.getState().locale;
}

/** Speaks another language from now on, without a reload. */
export function speak(locale: Locale): void {
  setMessageLocale(locale, { reload: false });
  document.documentElement.lang = locale;
  useLocaleStore.setState({ locale });
}

/** The language for a choice; `system` takes the first of the system's languages that we speak. */
export function resolveLanguage(choice: "system" | Locale, system: readonly string[]): Locale {
  if (choice !== "system") return choice;
  for (const tag of system) {
    const language = tag.toLowerCase().split("-")[0];
    if (language === "en" || language === "de") return language;
  }
  return "en";
}
