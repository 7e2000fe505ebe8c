import { paraglideVitePlugin } from "@inlang/paraglide-js";
import tailwind from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // The same files are served by Tauri's asset protocol and by the bridge, so every address in them is relative.
  base: "./",
  plugins: [
    react(),
    tailwind(),
    // Its watcher would keep a test run from ending; there `npm test` has made the messages before.
    !process.env.VITEST &&
      paraglideVitePlugin({
        project: "./project.inlang",
        outdir: "./src/i18n/generated",
        strategy: ["globalVariable", "baseLocale"],
      }),
  ],
  build: {
    target: "es2022",
    // The content security policy allows fonts and images from files only, never from data addresses in the style sheet.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
  },
  server: { port: 5173, strictPort: true, host: "127.0.0.1" },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test/setup.ts"],
    restoreMocks: true,
  },
});
