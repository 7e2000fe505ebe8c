import { currentLocale, type Locale, m } from "../i18n";
import { type CivilDate, civilToUtc, daysBetween } from "./civil";

/**
 * The one place where dates and numbers become text. Intl objects are dear to make, so each is made once per language.
 */
const cache = new Map<string, Intl.DateTimeFormat | Intl.NumberFormat>();

function dates(locale: Locale, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `d ${locale} ${name}`;
  const known = cache.get(key);
  if (known) return known as Intl.DateTimeFormat;
  const made = new Intl.DateTimeFormat(locale === "en" ? "en-GB" : "de-DE", options);
  cache.set(key, made);
  return made;
}

function numbers(locale: Locale): Intl.NumberFormat {
  const key = `n ${locale}`;
  const known = cache.get(key);
  if (known) return known as Intl.NumberFormat;
  const made = new Intl.NumberFormat(locale === "en" ? "en-GB" : "de-DE", { maximumFractionDigits: 0 });
  cache.set(key, made);
  return made;
}

/** A whole number with the language's grouping. */
export function formatCount(value: number, locale: Locale = currentLocale()): string {
  return numbers(locale).format(value);
}

/** A due date as a list shows it: by name when it is near, by day and month this year, with the year otherwise. */
export function formatDue(date: CivilDate, today: CivilDate, locale: Locale = currentLocale()): string {
  const days = daysBetween(today, date);
  if (Number.isNaN(days)) return date;
  if (days === 0) return m.date_today({}, { locale });
  if (days === 1) return m.date_tomorrow({}, { locale });
  if (days === -1) return m.date_yesterday({}, { locale });
  const instant = civilToUtc(date);
  if (days > 1 && days < 7) return dates(locale, "weekday", { weekday: "long", timeZone: "UTC" }).format(instant);
  if (date.slice(0, 4) === today.slice(0, 4)) {
    return dates(locale, "day", { day: "numeric", month: "short", timeZone: "UTC" }).format(instant);
  }
  return dates(locale, "year", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).format(instant);
}

/** A civil date in full, for labels that are read aloud. */
export function formatDateLong(date: CivilDate, locale: Locale = currentLocale()): string {
  const instant = civilToUtc(date);
  if (Number.isNaN(instant)) return date;
  const options = { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" } as const;
  return dates(locale, "long", options).format(instant);
}

export function formatMonth(date: CivilDate, locale: Locale = currentLocale()): string {
  return dates(locale, "month", { month: "long", year: "numeric", timeZone: "UTC" }).format(civilToUtc(date));
}

/** Two letters per weekday, Monday first. */
export function weekdayNames(locale: Locale = currentLocale()): string[] {
  const monday = Date.UTC(2024, 0, 1);
  const format = dates(locale, "narrow", { weekday: "short", timeZone: "UTC" });
  return Array.from({ length: 7 }, (_, day) => format.format(monday + day * 86_400_000).slice(0, 2));
}

/** How long ago an instant was, in words: just now, minutes, hours, then day and time. */
export function formatAgo(ms: number, now: number, locale: Locale = currentLocale()): string {
  const seconds = Math.max(0, Math.round((now - ms) / 1000));
  if (seconds < 10) return m.ago_now({}, { locale });
  if (seconds < 60) return m.ago_seconds({ count: seconds }, { locale });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return m.ago_minutes({ count: minutes }, { locale });
  const hours = Math.floor(minutes / 60);
  if (hours < 12) return m.ago_hours({ count: hours }, { locale });
  const options = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" } as const;
  return dates(locale, "instant", options).format(ms);
}
