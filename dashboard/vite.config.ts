import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import type { Plugin, Rolldown } from "vite";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds the API. */
const API = process.env.OBSERVATORY_API ?? "http://127.0.0.1:8080";
const BASE = "/app/";
const WORKER = "sw.js";

export default defineConfig(({ command }) => ({
  base: command === "build" ? BASE : "/",
  plugins: [react(), viewFiles(), shellFiles()],
  resolve: { alias: { "~": fileURLToPath(new URL("src", import.meta.url)) } },
  build: {
    outDir: "../api/static/app",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0, // nothing inline: the page's policy forbids it
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { main: "index.html", sw: "src/offline/worker.ts" },
      output: {
        // The service worker keeps its name: browsers ask for it under that name again.
        entryFileNames: (chunk) => (chunk.name === "sw" ? WORKER : "assets/[name]-[hash].js"),
        // What is not one view's own is one file: a browser with nothing kept waits longer for each of twenty small ones.
        codeSplitting: { groups: [{ name: "shared", test: /[\\/](?:node_modules|src[\\/](?!views[\\/]|offline[\\/]).*)[\\/]/ }] },
      },
    },
  },
  server: {
    // With the host that the browser asked for: the API lets only pages of its own origin act.
    proxy: Object.fromEntries(["/api", "/badge", "/readyz", "/ws"].map((path) => [path, { target: API, changeOrigin: false, ws: path === "/ws" }])),
  },
  // A document only for those that say so: making one takes longer than most of them.
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"] },
}));

/** Tells the server what each view needs beside the page, so that a browser hears of it before it has read any script. */
function viewFiles(): Plugin {
  return {
    name: "view-files",
    apply: "build",
    generateBundle(_, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
      const main = chunks.find((chunk) => chunk.name === "main");
      if (main === undefined) return this.error("the page was not built");
      const early = new Set(filesOf(main, bundle));
      const views = chunks.flatMap((chunk) => {
        const [, name] = /\/src\/views\/([^/]+)\/index\.tsx$/.exec(chunk.facadeModuleId ?? "") ?? [];
        return name === undefined ? [] : [[name, filesOf(chunk, bundle).filter((file) => !early.has(file)).sort()] as const];
      });
      this.emitFile({ type: "asset", fileName: "views.json", source: JSON.stringify(Object.fromEntries(views)) });
    },
  };
}

/** A chunk, what it imports and the styles of all of it. */
function filesOf(chunk: Rolldown.OutputChunk, bundle: Rolldown.OutputBundle, found = new Set<string>()): string[] {
  if (found.has(chunk.fileName)) return [...found];
  found.add(chunk.fileName);
  for (const style of chunk.viteMetadata?.importedCss ?? []) found.add(style);
  for (const name of chunk.imports) {
    const imported = bundle[name];
    if (imported?.type === "chunk") filesOf(imported, bundle, found);
  }
  return [...found];
}

/** Tells the service worker what belongs to this version: all that was built, and the files of `public/`. */
function shellFiles(): Plugin {
  const place = fileURLToPath(new URL("public/", import.meta.url));
  return {
    name: "shell-files",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const worker = bundle[WORKER];
        if (worker?.type !== "chunk") return this.error("the service worker was not built");
        if (worker.imports.length > 0) return this.error(`the service worker shares code with the page: ${worker.imports.join(", ")}`);
        const kept = readdirSync(place);
        const page = bundle["index.html"];
        const built = Object.keys(bundle).filter((name) => name.startsWith("assets/")).sort();
        const digest = createHash("sha256").update(built.join()).update(page?.type === "asset" ? page.source : "");
        for (const name of kept) digest.update(readFileSync(place + name));
        const shell = { version: digest.digest("hex").slice(0, 12), files: [...built, ...kept].map((name) => BASE + name) };
        const [before, after] = [worker.code, worker.code.replace(/(["'`])__SHELL__\1/, () => JSON.stringify(JSON.stringify(shell)))];
        if (before === after) return this.error("the service worker has no place for the files of the page");
        worker.code = after;
      },
    },
  };
}
