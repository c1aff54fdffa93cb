import { textAt } from "../objects/text.ts";
import type { StopDecoder } from "../stop-facts.ts";

/** Display drivers that hang: the stack is the watchdog's, the driver stands in the arguments. */

/** 0x116, 0x117, 0x141: a display driver did not come back in time; argument 2 lies in it. */
export const VIDEO_TDR: StopDecoder = {
  codes: [0x116, 0x117, 0x141],
  decode: (scene) => {
    const address = scene.arg(2);
    scene.blameAddress("decoder", "display-driver", address, "argument 2 lies in the display driver:", "high");
    const image = scene.module(address)?.path;
    if (image)
      scene.bucket({ blame: `IMAGE_${image.slice(Math.max(image.lastIndexOf("\\"), image.lastIndexOf("/")) + 1)}` });
  },
};

/** 0xEA: a thread spins in a display driver; argument 3 is the driver's name. */
export const STUCK_THREAD: StopDecoder = {
  codes: [0xea],
  decode: (scene) => {
    const name = textAt(scene, scene.arg(3));
    scene.addressField("FAULTING_THREAD", scene.arg(1));
    if (!name) return;
    const image = name.includes(".") ? name : `${name}.dll`;
    scene.blame("decoder", { rule: "stuck-driver", seen: `argument 3 names ${image}`, confidence: "high", image });
    scene.bucket({ blame: `IMAGE_${image}` });
  },
};

/** 0x10E, 0x113, 0x119: parts of the graphics kernel whose first argument selects the failure. */
export const GRAPHICS_KERNEL: StopDecoder = {
  codes: [0x10e, 0x113, 0x119],
  decode: (scene) => scene.bucket({ class: `0x${scene.code.toString(16)}_${scene.arg32(1).toString(16)}` }),
};
