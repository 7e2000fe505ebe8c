import { create } from "zustand";
import type { RecordId } from "../backend/bindings/RecordId";
import { emptyState, type WindowState } from "./state";

/**
 * What the engine has told this window. One store with a part per subject (tasks, projects, clients, people, session, sync,
 * preferences, notices), because a frame is a set of whole transactions: with a store each, a screen could see half of one.
 */
export const useWindow = create<WindowState>(() => emptyState);

export const useSession = () => useWindow((state) => state.session);
export const useSync = () => useWindow((state) => state.sync);
export const useTaskRow = (id: RecordId) => useWindow((state) => state.tasks.rows[id]);
export const useTouched = (id: RecordId) => useWindow((state) => state.tasks.touched[id] ?? 0);
export const useProjects = () => useWindow((state) => state.projects);
export const usePeople = () => useWindow((state) => state.people);
export const useProject = (id: RecordId | null) => useWindow((state) => (id ? state.projects[id] : undefined));
export const usePerson = (id: string | null) => useWindow((state) => (id ? state.people[id] : undefined));

/** Forgets a notice that a person has read. */
export function dismissNotice(key: number): void {
  useWindow.setState((state) => ({ notices: state.notices.filter((notice) => notice.key !== key) }));
}
