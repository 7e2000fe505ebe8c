import type { ReactNode } from "react";
import { Kbd } from "./Kbd";

interface EmptyProps {
  title: string;
  text: string;
  action?: ReactNode;
  hotkey?: string;
}

/** Nothing to show: one sentence, one action, one shortcut. */
export function Empty({ title, text, action, hotkey }: EmptyProps) {
  return (
    <div className="flex h-full flex-col items-center justify-center gap-2 p-6 text-center">
      <p className="font-medium text-base text-text">{title}</p>
      <p className="max-w-[44ch] text-text-2">{text}</p>
      {(action || hotkey) && (
        <div className="mt-2 flex items-center gap-2">
          {action}
          {hotkey && <Kbd>{hotkey}</Kbd>}
        </div>
      )}
    </div>
  );
}
