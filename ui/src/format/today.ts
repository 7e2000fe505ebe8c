import { useSyncExternalStore } from "react";
import { type CivilDate, localCivil } from "./civil";

/** Today where this machine stands; components draw again when the day changes, also after sleep. */
export function useToday(): CivilDate {
  return useSyncExternalStore(subscribe, () => localCivil(new Date()));
}

/** Half a minute is soon enough for a date, and unlike one long timer it survives sleep and a changed clock. */
const LOOK_MS = 30_000;

function subscribe(changed: () => void): () => void {
  const timer = setInterval(changed, LOOK_MS);
  return () => clearInterval(timer);
}

/** The time of day, for "three minutes ago", at a pace that suits a person who reads. */
export function useNow(everyMs: number): number {
  return useSyncExternalStore(
    (changed) => {
      const timer = setInterval(changed, everyMs);
      return () => clearInterval(timer);
    },
    () => Math.floor(Date.now() / everyMs) * everyMs,
  );
}
