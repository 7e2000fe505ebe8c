/** A civil date as it crosses every border, `YYYY-MM-DD`. It has no zone: arithmetic goes through UTC so that no clock change moves it. */
export type CivilDate = string;

const DAY_MS = 86_400_000;

export function parseCivil(text: string): { year: number; month: number; day: number } | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!match) return null;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const back = new Date(Date.UTC(year, month - 1, day));
  if (back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day) return null;
  return { year, month, day };
}

/** The instant at which the date begins in UTC, in milliseconds; NaN when it is no date. */
export function civilToUtc(date: CivilDate): number {
  const parts = parseCivil(date);
  return parts ? Date.UTC(parts.year, parts.month - 1, parts.day) : Number.NaN;
}

export function civilFromUtc(ms: number): CivilDate {
  return new Date(ms).toISOString().slice(0, 10);
}

export function addDays(date: CivilDate, days: number): CivilDate {
  return civilFromUtc(civilToUtc(date) + days * DAY_MS);
}

/** The same day of another month, or its last day when it is shorter. */
export function addMonths(date: CivilDate, months: number): CivilDate {
  const parts = parseCivil(date);
  if (!parts) return date;
  const first = new Date(Date.UTC(parts.year, parts.month - 1 + months, 1));
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  return civilFromUtc(Date.UTC(first.getUTCFullYear(), first.getUTCMonth(), Math.min(parts.day, last)));
}

/** Days from one date to another; negative when the second is earlier. */
export function daysBetween(from: CivilDate, to: CivilDate): number {
  return Math.round((civilToUtc(to) - civilToUtc(from)) / DAY_MS);
}

/** 0 is Monday. */
export function weekday(date: CivilDate): number {
  return (new Date(civilToUtc(date)).getUTCDay() + 6) % 7;
}

/** The civil date of an instant where this machine stands. */
export function localCivil(now: Date): CivilDate {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}
