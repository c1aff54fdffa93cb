import { dataView } from "../../../bytes/layout.ts";
import { addOffset, type VirtualAddress } from "../../../dump/address.ts";
import { baseName } from "../../module-at.ts";
import type { StopScene } from "../stop-scene.ts";
import { unicodeStringAt } from "./text.ts";

/**
 * The I/O system's objects: an IRP leads to a device, a device to its driver. These records of the public
 * headers (wdm.h) never moved within one pointer size.
 */

interface Offsets {
  readonly device: { readonly driver: number; readonly attached: number; readonly extension: number };
  readonly extensionNode: number;
  readonly driver: { readonly start: number; readonly size: number; readonly name: number };
  readonly irp: {
    readonly size: number;
    readonly stackCount: number;
    readonly currentLocation: number;
    readonly current: number;
    readonly status: number;
  };
  readonly location: { readonly size: number; readonly device: number };
}

const X64: Offsets = {
  device: { driver: 0x08, attached: 0x18, extension: 0x138 },
  extensionNode: 0x28,
  driver: { start: 0x18, size: 0x20, name: 0x38 },
  irp: { size: 0xd0, stackCount: 0x42, currentLocation: 0x43, current: 0xb8, status: 0x30 },
  location: { size: 0x48, device: 0x28 },
};
const X86: Offsets = {
  device: { driver: 0x08, attached: 0x10, extension: 0xb0 },
  extensionNode: 0x14,
  driver: { start: 0x0c, size: 0x10, name: 0x1c },
  irp: { size: 0x70, stackCount: 0x22, currentLocation: 0x23, current: 0x60, status: 0x18 },
  location: { size: 0x24, device: 0x14 },
};

/** IO_TYPE_DEVICE, IO_TYPE_DRIVER, IO_TYPE_IRP. */
const [TYPE_DEVICE, TYPE_DRIVER, TYPE_IRP] = [3, 4, 6];
/** IRPs pass through few drivers. */
const MAX_STACK_LOCATIONS = 64;

function offsetsOf(scene: StopScene): Offsets {
  return scene.pointerSize === 8 ? X64 : X86;
}

function hasType(scene: StopScene, object: VirtualAddress, type: number): boolean {
  const bytes = scene.read(object, 2);
  return bytes !== undefined && dataView(bytes).getUint16(0, true) === type;
}

/** A driver as its DRIVER_OBJECT names it. */
export interface IoDriver {
  readonly object: VirtualAddress;
  /** Base of its image. */
  readonly start?: VirtualAddress;
  /** Base name of the image, else the last part of `\Driver\name` with `.sys`. */
  readonly image?: string;
}

/** The driver that owns a device; undefined when one of the two objects is not in the dump or is none. */
export function driverOfDevice(scene: StopScene, device: VirtualAddress): IoDriver | undefined {
  if (!hasType(scene, device, TYPE_DEVICE)) return undefined;
  const object = scene.pointer(device, offsetsOf(scene).device.driver);
  return object === undefined ? undefined : driverAt(scene, object);
}

/** Reads a DRIVER_OBJECT. */
export function driverAt(scene: StopScene, object: VirtualAddress): IoDriver | undefined {
  if (!hasType(scene, object, TYPE_DRIVER)) return undefined;
  const { start, name } = offsetsOf(scene).driver;
  const base = scene.pointer(object, start);
  const module = base === undefined ? undefined : scene.module(base);
  const own = unicodeStringAt(scene, addOffset(object, name));
  const named = own === undefined ? undefined : `${baseName(own)}.sys`;
  const image = module ? baseName(module.path) : named;
  return { object, ...(base ? { start: base } : {}), ...(image ? { image } : {}) };
}

/** An IRP, as far as it tells who holds it. */
export interface IoIrp {
  readonly address: VirtualAddress;
  readonly major: number;
  readonly minor: number;
  /** Device of the stack location that is current: its driver holds the IRP. */
  readonly device: VirtualAddress;
}

/** Reads an IRP and its current stack location; undefined when it is not in the dump, is none, or is completed. */
export function readIrp(scene: StopScene, address: VirtualAddress): IoIrp | undefined {
  if (!hasType(scene, address, TYPE_IRP)) return undefined;
  const { irp, location } = offsetsOf(scene);
  const counts = scene.read(addOffset(address, irp.stackCount), 2);
  const current = scene.pointer(address, irp.current);
  if (!counts || current === undefined) return undefined;
  const [count = 0] = counts;
  const index = Number(current - address - BigInt(irp.size)) / location.size;
  if (count === 0 || count > MAX_STACK_LOCATIONS || !Number.isInteger(index) || index < 0 || index >= count)
    return undefined;
  const bytes = scene.read(current, location.size);
  const device = bytes && scene.pointer(current, location.device);
  if (!bytes || !device) return undefined;
  return { address, major: bytes[0] as number, minor: bytes[1] as number, device };
}

/** Blames the driver that holds an IRP. */
export function blameIrpOwner(scene: StopScene, address: VirtualAddress): IoDriver | undefined {
  scene.addressField("IRP_ADDRESS", address);
  const irp = readIrp(scene, address);
  if (!irp) {
    scene.notes.add("stop.no-irp", "stop-code", "the IRP of the arguments is not in the dump, damaged or completed");
    return undefined;
  }
  scene.addressField("DEVICE_OBJECT", irp.device);
  return blameDevice(scene, irp.device, "irp-owner", "the device that holds the IRP belongs to");
}

/** Blames the driver of a device. */
export function blameDevice(
  scene: StopScene,
  device: VirtualAddress,
  rule: string,
  what: string,
): IoDriver | undefined {
  const driver = driverOfDevice(scene, device);
  if (!driver) {
    scene.notes.add("stop.no-device", "stop-code", "the device object or its driver object is not in the dump");
    return undefined;
  }
  scene.addressField("DRIVER_OBJECT", driver.object);
  if (driver.start && scene.isCode(driver.start)) scene.blameAddress("decoder", rule, driver.start, what, "high");
  else if (driver.image)
    scene.blame("decoder", { rule, seen: `${what} ${driver.image}`, confidence: "medium", image: driver.image });
  return driver;
}

/** The DEVICE_NODE of a physical device, when its extension is in the dump. */
export function deviceNode(scene: StopScene, device: VirtualAddress): VirtualAddress | undefined {
  const { device: at, extensionNode } = offsetsOf(scene);
  const extension = hasType(scene, device, TYPE_DEVICE) ? scene.pointer(device, at.extension) : undefined;
  return extension === undefined ? undefined : scene.pointer(extension, extensionNode);
}

/** The device that another driver put on top of this one; undefined at the top and where the object is not in the dump. */
export function attachedDevice(scene: StopScene, device: VirtualAddress): VirtualAddress | undefined {
  if (!hasType(scene, device, TYPE_DEVICE)) return undefined;
  return scene.pointer(device, offsetsOf(scene).device.attached) || undefined;
}
