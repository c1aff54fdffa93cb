import { addOffset, type VirtualAddress } from "../../../dump/address.ts";
import { ownerName, ownersOf } from "../../owners.ts";
import { attachedDevice, blameDevice, blameIrpOwner, deviceNode, driverOfDevice } from "../objects/io-objects.ts";
import { unicodeStringAt } from "../objects/text.ts";
import type { StopDecoder } from "../stop-facts.ts";
import type { StopScene } from "../stop-scene.ts";

/** Power transitions that did not end. */

/** 0x9F: what each sub-code holds in its arguments. */
export const POWER_STATE_FAILURE: StopDecoder = {
  codes: [0x9f],
  decode: (scene) => {
    const kind = scene.arg32(1);
    scene.bucket({ class: `0x9F_${kind.toString(16)}` });
    scene.field("DRVPOWERSTATE_SUBCODE", kind.toString(16));
    if (kind === 3) blockedIrp(scene);
    else if (kind === 4) {
      scene.addressField("FAULTING_THREAD", scene.arg(3));
    } else if (kind === 1 || kind === 5) owner(scene, 2);
    else if (kind === 2 || kind === 0x500) {
      const device = scene.arg(kind === 2 ? 2 : 3);
      owner(scene, device === 0n ? (kind === 2 ? 3 : 4) : kind === 2 ? 2 : 3);
    }
  },
};

function owner(scene: StopScene, argument: 2 | 3 | 4): void {
  scene.addressField("DEVICE_OBJECT", scene.arg(argument));
  blameDevice(scene, scene.arg(argument), "device-owner", `the device of argument ${argument} belongs to`);
}

/** A driver holds a power IRP: the one of the current stack location, not the one of the device at the bottom. */
function blockedIrp(scene: StopScene): void {
  const device = scene.arg(2);
  scene.dump.memory.plan([
    { address: scene.arg(4), length: 0x200 },
    { address: device, length: 0x150 },
  ]);
  const bus = driverOfDevice(scene, device);
  // WinDbg's DRIVER_OBJECT is that of the physical device; the culprit is another.
  scene.addressField("DRIVER_OBJECT", bus?.object);
  const holder = blameIrpOwner(scene, scene.arg(4));
  const node = deviceNode(scene, device);
  scene.addressField("DEVICE_OBJECT", device);
  scene.addressField("DEVICE_NODE", node);
  if (bus?.image) scene.bucket({ blame: `IMAGE_${bus.image}` });
  const name = holder?.image?.replace(/\.sys$/i, "");
  if (name) scene.bucket({ qualifier: name });
  if (!holder) deviceStack(scene, device);
}

/** Devices that are attached to one another: more than this are a loop. */
const MAX_ATTACHED = 16;

/** Without the IRP: whoever sits on the physical device, drivers of the system last. */
function deviceStack(scene: StopScene, bottom: VirtualAddress): void {
  const seen = new Set<VirtualAddress>();
  for (let device = bottom; device && !seen.has(device) && seen.size < MAX_ATTACHED; ) {
    seen.add(device);
    const driver = driverOfDevice(scene, device);
    if (driver?.start && scene.isCode(driver.start)) {
      const rank = isInbox(scene, driver.image) ? "hint" : "argument";
      scene.blameAddress(rank, "device-stack", driver.start, "a device of the stack belongs to", "medium");
    }
    device = attachedDevice(scene, device) ?? (0n as VirtualAddress);
  }
}

function isInbox(scene: StopScene, image: string | undefined): boolean {
  return image !== undefined && ownersOf(scene.dump).owner(ownerName(image)).ownership !== "definite";
}

/** 0xA0: the power manager itself; some sub-codes name a device, an IRP or a context. */
export const INTERNAL_POWER_ERROR: StopDecoder = {
  codes: [0xa0],
  decode: (scene) => scene.bucket({ class: `0xA0_${scene.arg32(1).toString(16)}` }),
};

/** 0x14F and 0x15F: a component of the power dependency coordinator did not answer. */
export const PDC_WATCHDOG: StopDecoder = {
  codes: [0x14f, 0x15f],
  decode: (scene) =>
    scene.bucket({ class: `0x${scene.code.toString(16).toUpperCase()}_${scene.arg32(1).toString(16)}` }),
};

/** 0x1D5 and 0x1D8 style watchdogs of Plug and Play: the device node's service. */
export const PNP_WATCHDOG: StopDecoder = {
  codes: [0x1d5],
  decode: (scene) => {
    scene.addressField("FAULTING_THREAD", scene.arg(3));
    const service = unicodeStringAt(scene, addOffset(scene.arg(2), scene.pointerSize));
    scene.field("SERVICE_NAME", service);
  },
};

/** 0xCA: Plug and Play found a device reported twice, gone or broken: argument 2 is its physical device. */
export const PNP_FATAL: StopDecoder = {
  codes: [0xca],
  decode: (scene) => {
    scene.bucket({ class: `0xCA_${scene.arg32(1).toString(16)}` });
    owner(scene, 2);
  },
};
