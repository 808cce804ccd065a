// How the page is built: into the folder of the server that ships it, with nothing inlined that a strict CSP refuses.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// Where `npm run dev` finds a server: SEGUE_UI_API=http://127.0.0.1:4200
const api = process.env.SEGUE_UI_API ?? "http://127.0.0.1:4200";

export default defineConfig({
  plugins: [svelte()],
  base: "./",
  build: {
    outDir: "../runtime/segue/server/page",
    emptyOutDir: true,
    target: ["chrome123", "firefox128", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { proxy: { "/api": { target: api, ws: true, changeOrigin: true } } },
});
