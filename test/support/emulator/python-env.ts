import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * The emulator's own Python environment, `.emulator/venv`: made once, again when requirements.txt
 * changed. Nothing is installed outside of it.
 */

const run = promisify(execFile);
/** Longest wait for another process that is installing. */
const LOCK_WAIT_MS = 300_000;

/**
 * Makes sure that the environment is there.
 * @returns path of its Python
 */
export async function ensurePython(home: string, requirements: string): Promise<string> {
  const venv = join(home, "venv");
  const python = join(venv, "bin", "python");
  const marker = join(home, "installed.txt");
  const wanted = await readFile(requirements, "utf8");
  const ready = async () => existsSync(python) && (await readFile(marker, "utf8").catch(() => "")) === wanted;
  if (await ready()) return python;
  await mkdir(home, { recursive: true });
  const unlock = await lock(join(home, "install.lock"));
  try {
    if (await ready()) return python;
    await rm(venv, { recursive: true, force: true });
    await run(process.env["PYTHON"] ?? "python3", ["-m", "venv", venv]).catch((cause) => {
      throw new Error("the system tests need Python 3.10 or newer with venv (set PYTHON to name it)", { cause });
    });
    await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]);
    await writeFile(marker, wanted);
    return python;
  } finally {
    await unlock();
  }
}

/** Takes a lock file that names its owner; one whose owner is gone is taken over. */
async function lock(path: string): Promise<() => Promise<void>> {
  const until = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      return () => rm(path, { force: true });
    } catch {
      const owner = Number(await readFile(path, "utf8").catch(() => ""));
      if (owner > 0 && !isAlive(owner)) await rm(path, { force: true });
      else if (Date.now() > until) throw new Error(`another process keeps ${path}`);
      else await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
