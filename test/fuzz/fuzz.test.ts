import { mutate, randomFrom } from "../support/mutate.ts";
import { EXAMPLES } from "../support/synth/examples.ts";
import { fuzzOne } from "./targets.ts";

/** The short form of `npm run fuzz`: always the same damaged copies of the project's own dumps. */

const COUNT = 300;

describe("damaged dumps", () => {
  it("end in a report or a rejection, never in an untyped error", async () => {
    const dumps = Object.entries(EXAMPLES).map(([name, build]) => ({ name, bytes: build() }));
    const random = randomFrom(20_240_611);
    const found: string[] = [];
    const statuses = new Set<string>();
    for (let i = 0; i < COUNT; i++) {
      const dump = dumps[i % dumps.length];
      if (!dump) continue;
      const seed = Math.floor(random() * 2 ** 32);
      const { bytes, made } = mutate(dump.bytes, seed);
      const { status, crash } = await fuzzOne(bytes);
      statuses.add(status);
      if (crash !== undefined) found.push(`${dump.name} seed ${seed} (${made}): ${crash}`);
    }
    expect(found).toEqual([]);
    expect([...statuses].sort()).toEqual(["analyzed", "partial", "rejected"]);
  }, 60_000);

  it("of any length from nothing on are read or refused", async () => {
    const [first] = Object.values(EXAMPLES);
    const bytes = first?.() ?? new Uint8Array(0);
    for (const length of [0, 1, 3, 4, 7, 8, 31, 32, 0xfff, 0x1000, 0x1001, 0x1067, 0x1068, 0x2000, 0x8000]) {
      expect((await fuzzOne(bytes.slice(0, length))).status).not.toBe("crash");
    }
  });
});

describe("mutate", () => {
  it("gives the same damage for the same seed and leaves the original alone", () => {
    const original = Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff);
    const kept = original.slice();
    for (let seed = 0; seed < 200; seed++) {
      expect(mutate(original, seed)).toEqual(mutate(original, seed));
      expect(Buffer.compare(original, kept)).toBe(0);
    }
  });

  it("damages: of a hundred seeds nearly all change the bytes", () => {
    const original = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7) & 0xff);
    const changed = Array.from({ length: 100 }, (_, seed) => mutate(original, seed).bytes).filter(
      (bytes) => Buffer.compare(bytes, original) !== 0,
    );
    expect(changed.length).toBeGreaterThan(90);
  });
});
