import { defineConfig } from "vite";

// One script and one style sheet, which the Python package puts into every report.
export default defineConfig({
  build: {
    outDir: "../src/lashley/page/bundle",
    emptyOutDir: true,
    target: "es2022",
    license: { fileName: "LICENSES.md" },
    lib: {
      entry: "src/main.tsx",
      formats: ["iife"],
      name: "lashleyExplorer",
      fileName: () => "explorer.js",
      cssFileName: "explorer",
    },
  },
  define: { "process.env.NODE_ENV": '"production"' },
});
