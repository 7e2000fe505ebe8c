import type { ReactNode } from "react";
import { useMemo } from "react";
import type { Member } from "../../backend/bindings/Member";
import type { Project } from "../../backend/bindings/Project";
import type { Option } from "../../components/OptionList";
import { currentLocale } from "../../i18n";
import { useWindow } from "../../stores/window";

/** Projects that can still be worked on, by name. */
export function projectOptions(
  projects: Readonly<Record<string, Project>>,
  icon: (project: Project) => ReactNode,
): Option<string | null>[] {
  return Object.values(projects)
    .filter((project) => !project.archived)
    .sort(byName)
    .map((project) => ({ value: project.id, label: project.name, icon: icon(project) }));
}

/** People who belong to the workspace, by name. */
export function peopleOptions(
  people: Readonly<Record<string, Member>>,
  icon: (person: Member) => ReactNode,
): Option<string | null>[] {
  return Object.values(people)
    .filter((person) => person.removed_at === null)
    .sort(byName)
    .map((person) => ({ value: person.id, label: person.name, icon: icon(person) }));
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name.localeCompare(b.name, currentLocale());
}

/** The tags of the rows that this window knows, most used first. A tag elsewhere can still be typed. */
export function useKnownTags(): string[] {
  const rows = useWindow((state) => state.tasks.rows);
  return useMemo(() => {
    const uses = new Map<string, number>();
    for (const row of Object.values(rows)) {
      for (const tag of row.task.tags) uses.set(tag, (uses.get(tag) ?? 0) + 1);
    }
    return [...uses].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([tag]) => tag);
  }, [rows]);
}
