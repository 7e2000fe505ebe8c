import { defineConfig } from "vitest/config";

/** Tests in a real browser, on the real engine behind the bridge, against a real hub. One stack per file, files one after another. */
export default defineConfig({
  test: {
    environment: "node",
    include: ["e2e/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
