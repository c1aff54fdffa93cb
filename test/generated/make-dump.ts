import { execFileSync } from "node:child_process";

/** What to ask the generator of kernel dumps for. */
export interface WantedDump {
  readonly arch: string;
  /** A type, for triage dumps with `:` and the style of who wrote it. */
  readonly type: string;
  readonly scenario: string;
  readonly file: string;
  /** Further options of the generator. */
  readonly passed: readonly string[];
}

/** Makes a dump; returns the generator's last word when it refuses the combination. */
export function makeDump(generator: string, { arch, type, scenario, file, passed }: WantedDump): string | undefined {
  const [kind = "", style] = type.split(":");
  const args = ["--scenario", scenario, "--type", kind, "--out", file];
  if (style) args.push("--triage-style", style);
  if (arch !== "x64") args.push("--arch", arch);
  try {
    execFileSync("python3", [generator, ...args, ...passed], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
    });
    return undefined;
  } catch (error) {
    return (
      String((error as { stderr?: Buffer }).stderr ?? "refused")
        .trim()
        .split("\n")
        .at(-1) ?? "refused"
    );
  }
}
