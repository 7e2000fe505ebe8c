/** Twelve hues that stay apart in both themes. The contrast script reads them too. */
export const HUES = [25, 50, 80, 110, 140, 165, 190, 220, 250, 280, 310, 345] as const;

/** One of the twelve for an id, the same on every machine (FNV-1a). */
export function hueIndex(id: string): number {
  let hash = 0x811c9dc5;
  for (const character of id) {
    hash ^= character.codePointAt(0) ?? 0;
    hash = Math.imul(hash, 0x01000193);
  }
  return (hash >>> 0) % HUES.length;
}

/** The hue of a person or project; a colour that was chosen wins over the one that follows from the id. */
export function hueOf(id: string, chosen: number | null = null): number {
  const index = chosen !== null && chosen >= 0 && chosen < HUES.length ? chosen : hueIndex(id);
  return HUES[index] ?? HUES[0];
}
