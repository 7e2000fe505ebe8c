import { create } from "zustand";
import { asAppError } from "../backend";
import type { AppError } from "../backend/bindings/AppError";

/** A short message at the edge of the window. */
export interface Toast {
  key: number;
  tone: "plain" | "bad";
  /** Already in the person's language. */
  text?: string;
  /** Said in the person's language when it is drawn. */
  error?: AppError;
  action?: { label: string; key?: string | undefined; run: () => void };
}

interface ToastsState {
  toasts: readonly Toast[];
}

/** Three are enough to read; an older one gives way. */
const MOST = 3;

export const useToasts = create<ToastsState>(() => ({ toasts: [] }));

let lastKey = 0;

export function showToast(toast: Omit<Toast, "key">): void {
  lastKey += 1;
  const key = lastKey;
  useToasts.setState((state) => ({ toasts: [...state.toasts, { ...toast, key }].slice(-MOST) }));
}

export function showError(thrown: unknown): void {
  showToast({ tone: "bad", error: asAppError(thrown) });
}

export function dismissToast(key: number): void {
  useToasts.setState((state) => ({ toasts: state.toasts.filter((toast) => toast.key !== key) }));
}
