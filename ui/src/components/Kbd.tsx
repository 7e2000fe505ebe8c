/** A key, as a cap. */
export function Kbd({ children }: { children: string }) {
  return (
    <kbd className="inline-flex h-[18px] min-w-[18px] items-center justify-center rounded border border-line bg-surface px-1 font-medium font-sans text-text-2 text-xs">
      {children}
    </kbd>
  );
}
