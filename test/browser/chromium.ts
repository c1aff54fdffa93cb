import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where systems put Chromium. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The system's Chromium. @throws Error that says how to get one */
export async function launchChromium(): Promise<Browser> {
  const asked = process.env["CHROMIUM_PATH"];
  const executablePath = asked ?? PLACES.find((path) => existsSync(path));
  if (executablePath === undefined || !existsSync(executablePath)) {
    throw new Error(
      `no Chromium${asked === undefined ? "" : ` at CHROMIUM_PATH=${asked}`}: run "apt-get install chromium", or set CHROMIUM_PATH`,
    );
  }
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}
