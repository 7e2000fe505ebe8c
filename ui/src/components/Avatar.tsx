import { hueOf } from "../theme/hues";
import { classes } from "./classes";

interface AvatarProps {
  id: string;
  name: string;
  colour?: number | null;
  className?: string;
}

/** A person: initials on their hue, never the hue alone. The initials are drawn, not written: whoever listens hears the name. */
export function Avatar({ id, name, colour = null, className }: AvatarProps) {
  return (
    <span
      title={name}
      data-initials={initials(name)}
      className={classes(
        "person inline-flex size-[18px] shrink-0 items-center justify-center rounded-full font-semibold text-[9px] leading-none",
        className,
      )}
      style={{ "--hue": hueOf(id, colour) } as React.CSSProperties}
      aria-hidden="true"
    />
  );
}

export function ProjectDot({ id }: { id: string }) {
  return (
    <span
      className="project-dot size-2 shrink-0 rounded-full"
      style={{ "--hue": hueOf(id) } as React.CSSProperties}
      aria-hidden="true"
    />
  );
}

/** The first letters of the first and the last word. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = words[0];
  const last = words.length > 1 ? words.at(-1) : undefined;
  return (
    [first, last]
      .map((word) => [...(word ?? "")][0] ?? "")
      .join("")
      .toUpperCase() || "?"
  );
}
