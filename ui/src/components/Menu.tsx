import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";

const menuClass =
  "popover z-40 min-w-48 rounded-md border border-line bg-raised p-1 text-text shadow-popover outline-none";
export const itemClass =
  "flex h-7 items-center gap-2 rounded px-2 outline-none data-highlighted:bg-selection data-disabled:text-text-3";

interface MenuProps {
  trigger: ReactNode;
  label: string;
  side?: "top" | "bottom";
  children: ReactNode;
}

/** A menu that leaves the page scrollable: locking it would need a style element, which the security policy forbids. */
export function Menu({ trigger, label, side = "top", children }: MenuProps) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          side={side}
          align="start"
          sideOffset={4}
          collisionPadding={8}
          aria-label={label}
          className={menuClass}
          onKeyDown={(event) => event.stopPropagation()}
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

interface RadioItemsProps<T extends string> {
  value: T;
  options: readonly { value: T; label: string; icon?: ReactNode }[];
  onChoose: (value: T) => void;
}

export function RadioItems<T extends string>({ value, options, onChoose }: RadioItemsProps<T>) {
  return (
    <DropdownMenu.RadioGroup value={value} onValueChange={(next) => onChoose(next as T)}>
      {options.map((option) => (
        <DropdownMenu.RadioItem key={option.value} value={option.value} className={itemClass}>
          {option.icon}
          <span className="flex-1">{option.label}</span>
          <DropdownMenu.ItemIndicator className="size-1.5 rounded-full bg-accent" />
        </DropdownMenu.RadioItem>
      ))}
    </DropdownMenu.RadioGroup>
  );
}
