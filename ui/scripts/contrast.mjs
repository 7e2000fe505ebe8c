// Holds every pair of text and ground that occurs to WCAG's 4.5 : 1 (marks without text to 3 : 1), in both themes.
import { readFileSync } from "node:fs";

const css = readFileSync(new URL("../src/theme/tokens.css", import.meta.url), "utf8");
const hues = readFileSync(new URL("../src/theme/hues.ts", import.meta.url), "utf8")
  .match(/HUES = \[([^\]]+)\]/)[1]
  .split(",")
  .map(Number);

const grounds = ["ground", "surface", "raised", "hover", "selection"];
const textPairs = [
  ...["text", "text-2", "text-3", "accent-text", "info", "good", "warn", "bad", "idle"].flatMap((text) =>
    grounds.map((ground) => [text, ground]),
  ),
  ["on-accent", "accent-fill"],
  ["on-accent", "accent-fill-hover"],
  ["on-accent-disabled", "accent-fill-disabled"],
  ["chip-text", "chip"],
  ["chip-text", "raised"],
  ["text", "bad-ground"],
  ["bad", "bad-ground"],
  ["text", "warn-ground"],
  ["warn", "warn-ground"],
  ["text", "touched"],
];
const markPairs = ["accent", "line-strong"].flatMap((mark) =>
  ["ground", "surface", "raised", "selection"].map((ground) => [mark, ground]),
);

let failures = 0;
let checked = 0;
for (const [theme, tokens] of Object.entries(themes(css))) {
  for (const [text, ground] of textPairs) check(theme, text, ground, colour(tokens, text), colour(tokens, ground), 4.5);
  for (const [mark, ground] of markPairs) check(theme, mark, ground, colour(tokens, mark), colour(tokens, ground), 3);
  for (const hue of hues) {
    const ground = [number(tokens, "person-l"), number(tokens, "person-c"), hue];
    const text = [number(tokens, "person-text-l"), number(tokens, "person-text-c"), hue];
    check(theme, `person text ${hue}`, "its hue", text, ground, 4.5);
  }
}
console.log(`contrast: ${checked} pairs, ${failures} too low`);
if (failures > 0) process.exit(1);

function check(theme, text, ground, above, below, least) {
  checked += 1;
  const [a, b] = [luminance(above), luminance(below)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio >= least) return;
  failures += 1;
  console.error(`${theme}: ${text} on ${ground} has ${ratio.toFixed(2)} : 1, needs ${least} : 1`);
}

function themes(source) {
  const found = {};
  for (const [, name, body] of source.matchAll(/\[data-theme="(\w+)"\]\s*\{([^}]*)\}/g)) {
    found[name] = Object.fromEntries(
      [...body.matchAll(/--([\w-]+):\s*([^;]+);/g)].map(([, key, value]) => [key, value]),
    );
  }
  if (!found.light || !found.dark) throw new Error("tokens.css lacks a theme");
  const names = (theme) => Object.keys(theme).sort().join();
  if (names(found.light) !== names(found.dark)) throw new Error("the two themes do not have the same tokens");
  return found;
}

function number(tokens, name) {
  const value = Number(tokens[name]);
  if (Number.isNaN(value)) throw new Error(`--${name} is not a number`);
  return value;
}

function colour(tokens, name) {
  const match = /^oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)$/.exec(tokens[name] ?? "");
  if (!match) {
    const neutral = /^oklch\(([\d.]+) 0 0\)$/.exec(tokens[name] ?? "");
    if (!neutral) throw new Error(`--${name} is not an opaque OKLCH colour`);
    return [Number(neutral[1]), 0, 0];
  }
  return match.slice(1).map(Number);
}

/** Relative luminance after clipping to sRGB, which is what a screen shows. */
function luminance([l, c, h]) {
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const [x, y, z] = [
    (l + 0.3963377774 * a + 0.2158037573 * b) ** 3,
    (l - 0.1055613458 * a - 0.0638541728 * b) ** 3,
    (l - 0.0894841775 * a - 1.291485548 * b) ** 3,
  ];
  const clip = (value) => Math.min(1, Math.max(0, value));
  const red = clip(4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z);
  const green = clip(-1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z);
  const blue = clip(-0.0041960863 * x - 0.7034186147 * y + 1.707614701 * z);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
