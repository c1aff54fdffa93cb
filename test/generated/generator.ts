import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Truth } from "./truth.ts";

/**
 * The generator of kernel dumps with ground truth. It is no part of this project: it lies beside the
 * corpus of real dumps, needs python3, and takes images from Debian's package libwine.
 */

/** Where the generator is when nobody says otherwise. */
const DEFAULT_PATH = "../shared/tools/mkdump/mkdump.py";

/** Where Debian's libwine puts the images; `WINE` inside the generator names the same place. */
const WINE_IMAGES = "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows";

/** A generated dump. */
export interface Generated {
  readonly file: string;
  readonly truth: Truth;
}

/** Something that the generator needs is missing; the message is one sentence for a person. */
export class GeneratorMissing extends Error {
  override readonly name = "GeneratorMissing";
}

/** Writes dumps into a folder of its own; `close` deletes it. */
export class Generator {
  readonly path: string;
  readonly folder: string;
  readonly #exit: () => void;

  /** @throws GeneratorMissing in words that say what to install */
  constructor(path?: string) {
    const named = resolve(path ?? process.env["STOPCODE_MKDUMP"] ?? join(import.meta.dirname, "../..", DEFAULT_PATH));
    // Its folder is what people name first.
    this.path = named.endsWith(".py") ? named : join(named, "mkdump.py");
    if (!existsSync(this.path)) {
      throw new GeneratorMissing(`the dump generator is not at ${this.path}: name it with --mkdump PATH/mkdump.py`);
    }
    if (spawnSync("python3", ["--version"]).status !== 0) {
      throw new GeneratorMissing("python3 was not found: the dump generator runs on Python 3.11 or newer");
    }
    if (!existsSync(WINE_IMAGES) || readdirSync(WINE_IMAGES).length === 0) {
      throw new GeneratorMissing(`no Wine images in ${WINE_IMAGES}: install Debian's package libwine (and wine64)`);
    }
    this.folder = mkdtempSync(join(tmpdir(), "stopcode-generated-"));
    this.#exit = () => rmSync(this.folder, { recursive: true, force: true });
    process.once("exit", this.#exit);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  }

  /**
   * Generates one dump; the file is overwritten by the next of the same name.
   * @returns the generator's own last line when it refuses the combination
   */
  make(options: readonly string[], name = "x.dmp"): Generated | string {
    const file = join(this.folder, name);
    try {
      execFileSync("python3", [this.path, ...options, "--out", file], {
        stdio: ["ignore", "ignore", "pipe"],
        env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
      });
    } catch (error) {
      const said = String((error as { stderr?: Buffer }).stderr ?? "").trim();
      return said.split("\n").at(-1) ?? "the generator refused";
    }
    return { file, truth: JSON.parse(readFileSync(`${file}.truth.json`, "utf8")) as Truth };
  }

  close(): void {
    process.removeListener("exit", this.#exit);
    this.#exit();
  }
}

/** The generator, or the end of the program with the sentence that says what is missing. */
export function generatorOrExit(path?: string): Generator {
  try {
    return new Generator(path);
  } catch (error) {
    if (!(error instanceof GeneratorMissing)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
