import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";
import { resetTaskList } from "../screens/tasks/list-state";
import { emptyState } from "../stores/state";
import { useToasts } from "../stores/toasts";
import { useWindow } from "../stores/window";

// The few things of a browser that jsdom does not have and that the components use.
HTMLDialogElement.prototype.showModal ??= function showModal(this: HTMLDialogElement) {
  this.open = true;
};
HTMLDialogElement.prototype.close ??= function close(this: HTMLDialogElement) {
  this.open = false;
};
globalThis.ResizeObserver ??= class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
window.matchMedia ??= (query: string) =>
  ({ matches: false, media: query, addEventListener() {}, removeEventListener() {} }) as unknown as MediaQueryList;

afterEach(() => {
  cleanup();
  useWindow.setState(emptyState, true);
  useToasts.setState({ toasts: [] });
  resetTaskList();
});
