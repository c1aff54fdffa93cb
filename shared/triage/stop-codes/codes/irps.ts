import { blameDevice, blameIrpOwner } from "../objects/io-objects.ts";
import type { StopDecoder } from "../stop-facts.ts";

/** Requests that were handled wrongly: the IRP itself says who had it last. */

/** 0x2A, 0x35, 0x44, 0x48: argument 1 is the IRP. */
export const BAD_IRPS: StopDecoder = {
  codes: [0x2a, 0x35, 0x44, 0x48],
  decode: (scene) => {
    blameIrpOwner(scene, scene.arg(1));
    if (scene.code !== 0x48) return;
    scene.blameAddress("decoder", "cancel-routine", scene.arg(2), "the cancel routine left in the IRP is", "high");
  },
};

/** 0x36, 0xE8, 0xF9, 0xED: a device object in an argument. */
export const DEVICE_ARGUMENTS: StopDecoder = {
  codes: [0x36, 0xe8, 0xf9, 0xed],
  decode: (scene) => {
    const argument = scene.code === 0xe8 || scene.code === 0xf9 ? 2 : 1;
    scene.addressField("DEVICE_OBJECT", scene.arg(argument));
    blameDevice(scene, scene.arg(argument), "device-owner", `the device of argument ${argument} belongs to`);
    if (scene.code === 0xed) scene.bucket({ class: `0xED_${scene.arg32(2).toString(16)}` });
  },
};
