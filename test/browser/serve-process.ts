import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** A `stopcode serve` of its own process. */
export interface ServeProcess {
  readonly url: string;
  /** All of stdout so far. */
  stdout(): string;
  stderr(): string;
  /** Sends the signal and waits for the end. @returns exit code, or the signal's name */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

/** Starts `stopcode serve` on any free port and waits until it says where it listens. */
export async function startServe(dataDir: string, options: readonly string[] = []): Promise<ServeProcess> {
  const args = [MAIN, "serve", "--port", "0", "--data", dataDir, ...options];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  // A test that breaks leaves no server behind.
  process.once("exit", () => child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  const ended = new Promise<number | string>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? code ?? -1));
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      stdout += chunk;
      const found = /Dashboard\s+(http:\S+?)\/\s/.exec(stdout);
      if (found?.[1]) resolve(found[1]);
    });
    void ended.then((code) => reject(new Error(`stopcode serve ended with ${code} before it listened:\n${stderr}`)));
  });
  return {
    url,
    stdout: () => stdout,
    stderr: () => stderr,
    end: async (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

/** Waits until `ask` gives something else than undefined. @throws Error after `limitMs` */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>, limitMs = 60_000): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const got = await ask();
    if (got !== undefined) return got;
    if (Date.now() > end) throw new Error(`${what}: did not happen within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
