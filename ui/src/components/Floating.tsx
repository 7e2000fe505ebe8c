import { Popover } from "radix-ui";
import type { ReactNode, RefObject } from "react";

interface FloatingProps {
  /** What it belongs to; it opens below and gives the focus back there. */
  anchor: HTMLElement;
  onClose: () => void;
  children: ReactNode;
  label: string;
}

/** A small panel that floats at an element. One is open at a time, so a list of many rows holds none that are closed. */
export function Floating({ anchor, onClose, children, label }: FloatingProps) {
  const ref = { current: anchor } as RefObject<HTMLElement>;
  return (
    <Popover.Root open onOpenChange={(open) => !open && onClose()}>
      <Popover.Anchor virtualRef={ref} />
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={4}
          collisionPadding={8}
          aria-label={label}
          onCloseAutoFocus={(event) => event.preventDefault()}
          onInteractOutside={(event) => {
            // A press on the anchor is the anchor's own business; closing here would make it open again.
            if (event.target instanceof Node && anchor.contains(event.target)) event.preventDefault();
          }}
          onKeyDown={(event) => event.stopPropagation()}
          className="popover z-40 rounded-md border border-line bg-raised text-text shadow-popover outline-none"
        >
          {children}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
