import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import de from "../../messages/de.json";
import en from "../../messages/en.json";
import { errorText } from "./errors";
import { resolveLanguage, speak } from "./index";

type Message = string | { match: Record<string, string> }[];
const catalogues = { en, de } as unknown as Record<"en" | "de", Record<string, Message>>;
const keys = (catalogue: Record<string, Message>) => Object.keys(catalogue).filter((key) => key !== "$schema");
const texts = (message: Message) =>
  typeof message === "string" ? [message] : message.flatMap((each) => Object.values(each.match));
const inputs = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

afterEach(() => speak("en"));

describe("the catalogue", () => {
  it("says the same things in both languages", () => {
    expect(keys(catalogues.de)).toEqual(keys(catalogues.en));
  });

  it.each(keys(catalogues.en))("%s has the same inputs and forms in both languages, and words in each", (key) => {
    const [english, german] = [texts(catalogues.en[key] ?? ""), texts(catalogues.de[key] ?? "")];
    expect(german.length).toBe(english.length);
    for (const [index, text] of english.entries()) {
      expect(inputs(german[index] ?? "")).toEqual(inputs(text));
      expect(text.trim()).not.toBe("");
      expect(german[index]?.trim()).not.toBe("");
    }
  });

  it("has no message that nobody says, so that translators do no work for nothing", () => {
    const source = sources(join(import.meta.dirname, ".."))
      .map((path) => readFileSync(path, "utf8"))
      .join("\n");
    expect(keys(catalogues.en).filter((key) => !source.includes(`m.${key}(`))).toEqual([]);
  });

  it("does not shout", () => {
    const all = keys(catalogues.en).flatMap((key) => [
      ...texts(catalogues.en[key] ?? ""),
      ...texts(catalogues.de[key] ?? ""),
    ]);
    expect(all.filter((text) => text.includes("!") || /successfully|erfolgreich/i.test(text))).toEqual([]);
  });
});

describe("languages and errors", () => {
  it("follow the system's first language that we speak", () => {
    expect(resolveLanguage("system", ["fr-FR", "de-AT", "en"])).toBe("de");
    expect(resolveLanguage("system", ["fr"])).toBe("en");
    expect(resolveLanguage("en", ["de"])).toBe("en");
  });

  it("take the engine's own sentence in English and the catalogue's in German", () => {
    const error = { code: "wrong_password", message: "The server said no.", retryable: false, details: null } as const;
    expect(errorText(error)).toBe("The server said no.");
    speak("de");
    expect(errorText(error)).toContain("Passwort stimmt nicht");
  });
});

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (name === "generated" || name === "bindings") return [];
    if (statSync(path).isDirectory()) return sources(path);
    return /\.tsx?$/.test(name) && !name.includes(".test.") ? [path] : [];
  });
}
