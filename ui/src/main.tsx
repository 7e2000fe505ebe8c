import "@fontsource-variable/inter/index.css";
import "./theme/app.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { pickBackend } from "./backend";
import { resolveLanguage, speak } from "./i18n";
import { startConnection } from "./stores/connection";
import { followTheme, themeHint } from "./theme/theme";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no root element");

// Until the engine has told the preferences, the last run's theme and the system's language stand in for them.
followTheme(themeHint());
speak(resolveLanguage("system", navigator.languages));

if (location.hash !== "#/gallery") startConnection(pickBackend());

createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
