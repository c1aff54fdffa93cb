import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { AssetHashType } from "aws-cdk-lib";
import * as lambda from "aws-cdk-lib/aws-lambda";
import { type BuildOptions, buildSync } from "esbuild";

/** Root of the repository: functions are bundled from here. */
export const REPO_ROOT = join(import.meta.dirname, "../..");

/** Name of the first chunk, the one that every cold start loads. */
export const FIRST_CHUNK = "index.mjs";

/** Most bytes of the first chunk, minified (DESIGN, "Budgets"). */
export const FIRST_CHUNK_LIMIT = 1_500_000;

/** Packages that functions load from `node_modules` when a dump needs them, with the files that this takes. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "iced-x86": ["package.json", "LICENSE.txt", "iced_x86.js", "iced_x86_bg.wasm"],
  "@alexaltea/capstone-js": ["package.json", "LICENSE", "dist/capstone.js", "dist/capstone.wasm"],
};

/** Copies them into a bundle. */
export function copyPackages(outputDir: string): void {
  for (const [name, files] of Object.entries(PACKAGES)) {
    for (const file of files) {
      const path = join("node_modules", name, file);
      cpSync(join(REPO_ROOT, path), join(outputDir, path));
    }
  }
}

/**
 * esbuild's options for one function. `splitting` keeps what is imported lazily (word tables,
 * disassemblers) in chunks of its own, so that a cold start does not pay for them.
 */
export function bundleOptions(entry: string, outdir: string): BuildOptions {
  return {
    absWorkingDir: REPO_ROOT,
    entryPoints: [{ in: entry, out: "index" }],
    outdir,
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    // Copied as they are: they look for their WebAssembly beside themselves.
    external: Object.keys(PACKAGES),
    splitting: true,
    minify: true,
    // Error classes are told apart by name in notes and logs.
    keepNames: true,
    format: "esm",
    platform: "node",
    target: "node24",
    mainFields: ["module", "main"],
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
    // CommonJS packages call require for node's own modules, which an ES module does not have.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  };
}

/**
 * Code of a function, bundled on this machine: neither Docker nor network.
 * @param entry file below the repository's root that exports `handler`
 * @param tables files or folders below the root that the function reads at run time, copied beside it
 */
export function functionCode(entry: string, tables: readonly string[] = []): lambda.Code {
  // The folder is of no account: everything comes from tryBundle. Nothing may be excluded, the CDK would
  // leave the same out of the output's hash, and a changed function would not be deployed.
  return lambda.Code.fromAsset(join(REPO_ROOT, "functions"), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: lambda.Runtime.NODEJS_24_X.bundlingImage,
      local: {
        tryBundle: (outputDir) => {
          buildSync(bundleOptions(entry, outputDir));
          copyPackages(outputDir);
          for (const table of tables) {
            const from = join(REPO_ROOT, table);
            if (!existsSync(from)) throw new Error(`${table} is needed by ${entry} and does not exist`);
            cpSync(from, join(outputDir, table), { recursive: true });
          }
          return true;
        },
      },
    },
  });
}
