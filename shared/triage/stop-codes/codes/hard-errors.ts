import { baseName } from "../../module-at.ts";
import { statusText } from "../follow-hints.ts";
import { fourCharacters, textAt, unicodeStringAt } from "../objects/text.ts";
import type { StopDecoder } from "../stop-facts.ts";

/** Errors that the system raised on itself: NTSTATUS values as stop codes, with texts in their arguments. */

/** 0xC0000218: the hive that could not be loaded. */
export const REGISTRY_HIVE: StopDecoder = {
  codes: [0xc0000218],
  decode: (scene) => {
    const text = textAt(scene, scene.arg(1));
    // Whatever lies at the address decodes to some text; a hive's name is a path or a word of plain letters.
    const hive = text !== undefined && /^[\x20-\x7e]{3,}$/.test(text) ? text : undefined;
    scene.field("REGISTRY_HIVE", hive);
    if (!hive) {
      scene.notes.add("stop.no-name", "stop-code", "the name of the hive is not in the dump");
      return;
    }
    const seen = `the registry hive ${baseName(hive)} could not be loaded`;
    // No image is to blame for a file that cannot be read; who asked for it stands on the stack.
    scene.blame("decoder", { rule: "registry-hive", seen, confidence: "none", remark: true });
  },
};

/** 0xC000021A: a process of the system ended; argument 2 says how. */
export const SYSTEM_PROCESS_DIED: StopDecoder = {
  codes: [0xc000021a],
  decode: (scene) => {
    const text = textAt(scene, scene.arg(1));
    const status = scene.arg32(2);
    scene.field("HARD_ERROR_MESSAGE", text);
    scene.field("ERROR_CODE", statusText(scene, status));
    scene.bucket({ class: `0xc000021a_${status.toString(16)}` });
    const seen = `${text ?? "a process of the system"}: status 0x${status.toString(16)}`;
    scene.blame("decoder", { rule: "system-process", seen, confidence: "medium", process: text ?? "unknown" });
  },
};

/** 0xC0000221, 0xC0000142, 0xC0000139 and their like: the file stands in argument 1. */
export const BAD_FILE: StopDecoder = {
  codes: [0xc0000221, 0xc0000142, 0xc0000135, 0xc0000139, 0xc000026c, 0xc000012f],
  decode: (scene) => {
    const file = textAt(scene, scene.arg(1));
    if (!file) return;
    const image = baseName(file);
    scene.blame("decoder", { rule: "bad-file", seen: `argument 1 names ${image}`, confidence: "high", image });
    scene.bucket({ blame: `IMAGE_${image}` });
  },
};

/** 0x5A, 0x6B, 0x6D to 0x71, 0x32, 0x67, 0x74: initialization failed with a status. */
export const INITIALIZATION: StopDecoder = {
  codes: [0x32, 0x5a, 0x60, 0x6b, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x67, 0x73, 0x74, 0x75],
  decode: (scene) => {
    const status = scene.arg32(STATUS_ARGUMENT[scene.code] ?? 1);
    if (status < 0x80000000) return;
    scene.field("ERROR_CODE", statusText(scene, status));
    scene.bucket({ class: `0x${scene.code.toString(16).toUpperCase()}_${status.toString(16)}` });
  },
};

/** Which argument is the status, where it is not the first. */
const STATUS_ARGUMENT: Readonly<Record<number, 1 | 2 | 3 | 4>> = { 90: 4, 103: 3, 115: 2, 116: 4, 117: 2 };

/** 0x7B: the disk that Windows started from is gone; argument 1 is a UNICODE_STRING or a device. */
export const BOOT_DEVICE: StopDecoder = {
  codes: [0x7b],
  decode: (scene) => {
    scene.field("BOOT_DEVICE", unicodeStringAt(scene, scene.arg(1)));
    const status = scene.arg32(2);
    if (status >= 0x80000000) scene.field("ERROR_CODE", statusText(scene, status));
  },
};

/** 0x51: the registry; 0xD8: a driver that used too much, named in argument 1. */
export const NAMED_DRIVER: StopDecoder = {
  codes: [0xd8],
  decode: (scene) => {
    const name = unicodeStringAt(scene, scene.arg(1)) ?? textAt(scene, scene.arg(1));
    if (!name) return;
    const image = name.includes(".") ? baseName(name) : `${baseName(name)}.sys`;
    scene.blame("decoder", { rule: "named-driver", seen: `argument 1 names ${image}`, confidence: "high", image });
  },
};

/** 0xFE, 0x144: USB drivers; argument 1 selects what they found, argument 2 is theirs. */
export const USB_DRIVERS: StopDecoder = {
  codes: [0xfe, 0x144],
  decode: (scene) => {
    scene.bucket({ class: `0x${scene.code.toString(16).toUpperCase()}_${scene.arg32(1).toString(16)}` });
    scene.field("USB_TAG", fourCharacters(scene.arg32(2)));
  },
};
