import { Component, type ErrorInfo, type ReactNode } from "react";
import { m } from "../i18n";
import { Button } from "./Button";

interface DefectState {
  words: string | null;
}

/** Catches a defect in drawing, so that the window says what happened instead of going blank. */
export class DefectBoundary extends Component<{ children: ReactNode }, DefectState> {
  override state: DefectState = { words: null };

  static getDerivedStateFromError(thrown: unknown): DefectState {
    return { words: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown) };
  }

  override componentDidCatch(thrown: unknown, info: ErrorInfo): void {
    // The console is where a report is copied from; nothing else in the window writes to it.
    // biome-ignore lint/suspicious/noConsole: a defect must leave a trace
    console.error(thrown, info.componentStack);
  }

  override render(): ReactNode {
    if (this.state.words === null) return this.props.children;
    return (
      <main className="flex h-full flex-1 flex-col items-center justify-center gap-3 p-6 text-center" role="alert">
        <h1 className="font-semibold text-lg">{m.defect_title()}</h1>
        <p className="max-w-[52ch] text-text-2">{m.defect_text()}</p>
        <p className="font-mono text-sm text-text-3" data-selectable>
          {this.state.words}
        </p>
        <Button look="filled" onClick={() => this.setState({ words: null })}>
          {m.defect_again()}
        </Button>
      </main>
    );
  }
}
