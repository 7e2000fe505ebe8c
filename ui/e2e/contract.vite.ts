import { join } from "node:path";
import { defineConfig } from "vite";

/** The contract suite as one script that a driver can put into a page. It is no part of the application's own build. */
export default defineConfig({
  root: join(import.meta.dirname, ".."),
  logLevel: "warn",
  build: {
    target: "es2022",
    minify: false,
    emptyOutDir: false,
    outDir: "../target/contract",
    lib: {
      entry: join(import.meta.dirname, "..", "src", "backend", "contract", "index.ts"),
      name: "cockpitContract",
      formats: ["iife"],
      fileName: () => "contract.js",
    },
  },
});
