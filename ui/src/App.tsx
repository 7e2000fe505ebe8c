import { lazy, Suspense, useEffect, useSyncExternalStore } from "react";
import { DefectBoundary } from "./components/DefectBoundary";
import { Toaster } from "./components/Toaster";
import { resolveLanguage, speak, useMessages } from "./i18n";
import { Shell } from "./screens/Shell";
import { Broken, ChooseWorkspace, SignIn } from "./screens/Welcome";
import { useConnection } from "./stores/connection";
import { readPreference } from "./stores/preferences";
import { useSession, useWindow } from "./stores/window";
import { followTheme, rememberThemeHint } from "./theme/theme";

const Gallery = lazy(() => import("./gallery/Gallery").then((module) => ({ default: module.Gallery })));

/** What stands in the window, by what the engine says about the session. */
export function App() {
  const route = useRoute();
  usePreferencesOnPage();
  if (route === "#/gallery") {
    return (
      <Suspense fallback={null}>
        <Gallery />
      </Suspense>
    );
  }
  return (
    <>
      <LinkBanner />
      <DefectBoundary>
        <Screen />
      </DefectBoundary>
      <Toaster />
    </>
  );
}

function Screen() {
  const m = useMessages();
  const session = useSession();
  const link = useConnection((state) => state.link);
  if (link.state === "refused") return <Broken error={link.error} title={m.refused_title()} />;
  switch (session.state) {
    case "starting":
      return (
        <main className="flex h-full flex-1 items-center justify-center">
          <p className="skeleton text-text-3">{m.session_starting()}</p>
        </main>
      );
    case "signed_out":
      return <SignIn session={session} />;
    case "choosing":
      return <ChooseWorkspace session={session} />;
    case "open":
      return <Shell session={session} />;
    case "broken":
      return <Broken error={session.error} />;
  }
}

/** Only a browser can lose its engine; a Cockpit window is one process with it. */
function LinkBanner() {
  const m = useMessages();
  const lost = useConnection((state) => state.link.state === "lost");
  if (!lost) return null;
  return (
    <p role="alert" className="fixed inset-x-0 top-0 z-50 bg-warn-ground py-1.5 text-center text-text">
      {m.error_bridge_lost()}
    </p>
  );
}

function useRoute(): string {
  return useSyncExternalStore(
    (changed) => {
      addEventListener("hashchange", changed);
      return () => removeEventListener("hashchange", changed);
    },
    () => location.hash,
  );
}

/** Puts theme and language on the page as soon as the engine has said what they are. */
function usePreferencesOnPage(): void {
  const known = useWindow((state) => state.session.state !== "starting");
  const theme = useWindow((state) => readPreference(state.preferences, "theme"));
  const language = useWindow((state) => readPreference(state.preferences, "language"));
  useEffect(() => {
    if (!known) return;
    rememberThemeHint(theme);
    followTheme(theme);
  }, [known, theme]);
  useEffect(() => {
    if (known) speak(resolveLanguage(language, navigator.languages));
  }, [known, language]);
}
