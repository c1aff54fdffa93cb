import { blameIrpOwner, readIrp } from "../objects/io-objects.ts";
import { textAt } from "../objects/text.ts";
import type { StopDecoder } from "../stop-facts.ts";
import type { StopScene } from "../stop-scene.ts";

/** Driver Verifier: the arguments behind the sub-code are code, IRPs, pool or text; which, memory tells. */

/** What the table says of an argument that leads to nobody: a text, a state of the verifier itself. */
const NOT_CODE = /\bstring\b|rule state|supplemental states/i;

function codeOrIrp(scene: StopScene): void {
  const row = scene.words.subCode(scene.code, scene.arg(1));
  for (const number of [2, 3, 4] as const) {
    const value = scene.arg(number);
    if (!scene.isKernelAddress(value) || NOT_CODE.test(row?.[`p${number}`] ?? "")) continue;
    if (scene.isCode(value)) {
      const what = `argument ${number} is code`;
      const inKernel = scene.module(value)?.base === scene.dump.kernel?.base;
      scene.blameAddress(inKernel ? "hint" : "decoder", "verifier-argument", value, what, "high");
    } else if (readIrp(scene, value)) {
      blameIrpOwner(scene, value);
    }
  }
}

/** 0xC4 and 0xE6. */
export const DRIVER_VERIFIER: StopDecoder = {
  codes: [0xc4, 0xe6],
  decode: (scene) => {
    const kind = scene.arg32(1);
    const rule = ruleName(scene);
    const named = rule === undefined ? kind.toString(16) : `${rule}_XDV`;
    scene.bucket({ class: `0x${scene.code.toString(16)}_${named}`, qualifier: "VRF" });
    scene.field("VIOLATED_RULE", rule);
    if (rule !== undefined) scene.field("VIOLATED_CONDITION", textAt(scene, scene.arg(2)));
    if (scene.code === 0xc4 && UNLOAD_KINDS.has(kind)) namedDriver(scene);
    codeOrIrp(scene);
  },
};

/** Name of a rule of DDI compliance or NDIS checking, as the table's row has it. */
function ruleName(scene: StopScene): string | undefined {
  const meaning = scene.words.subCode(scene.code, scene.arg(1))?.meaning ?? "";
  return /(?:DDI compliance|NDIS\/WIFI verification) rule (\w+)/.exec(meaning)?.[1];
}

/** Sub-codes about drivers that unload with pool or locks left: argument 2 is the driver's name. */
const UNLOAD_KINDS: ReadonlySet<number> = new Set([0x62]);

function namedDriver(scene: StopScene): void {
  const name = textAt(scene, scene.arg(2));
  if (!name) return;
  const image = name.includes(".") ? name : `${name}.sys`;
  scene.blame("decoder", { rule: "verifier-name", seen: `argument 2 names ${image}`, confidence: "high", image });
}

/** 0xC9: the I/O verifier. */
export const IO_VERIFIER: StopDecoder = {
  codes: [0xc9],
  decode: (scene) => {
    scene.bucket({ class: `0xc9_${scene.arg32(1).toString(16)}`, qualifier: "VRF" });
    codeOrIrp(scene);
  },
};

/** 0x10D: the driver frameworks found a driver breaking their rules. */
export const WDF_VIOLATION: StopDecoder = {
  codes: [0x10d],
  decode: (scene) => {
    scene.bucket({ class: `0x10D_${scene.arg32(1).toString(16)}` });
    codeOrIrp(scene);
  },
};
