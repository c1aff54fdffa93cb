import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { EXAMPLES } from "../support/synth/examples.ts";

const FOLDER = join(__dirname, "../../examples");

describe("examples", () => {
  it("are exactly what scripts/make-examples.ts makes", () => {
    const files = readdirSync(FOLDER).filter((name) => name.endsWith(".dmp"));
    expect(files.sort()).toEqual(Object.keys(EXAMPLES).sort());
    for (const [name, build] of Object.entries(EXAMPLES)) {
      expect(Buffer.compare(readFileSync(join(FOLDER, name)), build())).toBe(0);
    }
  });

  it("stay small: none above 100 KB, all together below 300 KB", () => {
    const sizes = Object.values(EXAMPLES).map((build) => build().length);
    expect(Math.max(...sizes)).toBeLessThan(100_000);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(300_000);
  });

  it("are all named in the folder's README", () => {
    const readme = readFileSync(join(FOLDER, "README.md"), "utf8");
    for (const name of Object.keys(EXAMPLES)) expect(readme).toContain(`\`${name}\``);
  });
});
