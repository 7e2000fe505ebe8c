import { describe, expect, it } from "vitest";
import { addDays, addMonths, daysBetween, localCivil, parseCivil, weekday } from "./civil";
import { formatAgo, formatCount, formatDateLong, formatDue, formatMonth, weekdayNames } from "./format";

describe("civil dates", () => {
  it("count days over month ends, leap days and clock changes", () => {
    expect(addDays("2028-02-28", 1)).toBe("2028-02-29");
    expect(addDays("2026-03-28", 2)).toBe("2026-03-30");
    expect(daysBetween("2026-10-24", "2026-10-26")).toBe(2);
    expect(addMonths("2026-01-31", 1)).toBe("2026-02-28");
    expect(addMonths("2026-01-15", -1)).toBe("2025-12-15");
    expect(weekday("2026-03-09")).toBe(0);
  });

  it("refuse what is no date", () => {
    expect(parseCivil("2026-02-30")).toBeNull();
    expect(parseCivil("12.3.2026")).toBeNull();
  });

  it("take the day from the clock on the wall, not from UTC", () => {
    expect(localCivil(new Date(2026, 2, 12, 0, 5))).toBe("2026-03-12");
    expect(localCivil(new Date(2026, 2, 12, 23, 55))).toBe("2026-03-12");
  });
});

describe("formats", () => {
  const today = "2026-03-12";

  it.each([
    ["2026-03-12", "Today", "Heute"],
    ["2026-03-13", "Tomorrow", "Morgen"],
    ["2026-03-11", "Yesterday", "Gestern"],
    ["2026-03-16", "Monday", "Montag"],
    ["2026-03-02", "2 Mar", "2. März"],
    ["2026-06-24", "24 Jun", "24. Juni"],
    ["2027-01-08", "8 Jan 2027", "8. Jan. 2027"],
    ["soon", "soon", "soon"],
  ])("say the due date %s in both languages", (date, english, german) => {
    expect(formatDue(date, today, "en")).toBe(english);
    expect(formatDue(date, today, "de")).toBe(german);
  });

  it("group counts as the language does", () => {
    expect(formatCount(20_000, "en")).toBe("20,000");
    expect(formatCount(20_000, "de")).toBe("20.000");
  });

  it("write dates out for labels", () => {
    expect(formatDateLong("2026-03-12", "en")).toContain("12 March 2026");
    expect(formatMonth("2026-03-12", "de")).toBe("März 2026");
    expect(weekdayNames("de")).toEqual(["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"]);
  });

  it.each([
    [3_000, "just now", "gerade eben"],
    [42_000, "42 seconds ago", "vor 42 Sekunden"],
    [60_000, "1 minute ago", "vor 1 Minute"],
    [3 * 3_600_000, "3 hours ago", "vor 3 Stunden"],
  ])("say how long ago %i ms are", (past, english, german) => {
    const now = Date.UTC(2026, 2, 12, 12);
    expect(formatAgo(now - past, now, "en")).toBe(english);
    expect(formatAgo(now - past, now, "de")).toBe(german);
  });

  it("do not speak of the future when the clocks differ", () => {
    expect(formatAgo(2_000, 1_000, "en")).toBe("just now");
  });
});
