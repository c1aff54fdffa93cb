import type { Dump } from "../dump/dump.ts";
import type { BlackBox, DumpSecondaryData, PciFunction } from "../dump/secondary-data.ts";
import type { CrashReport } from "./crash-report.ts";

type SecondaryPart = NonNullable<NonNullable<CrashReport["kernel"]>["secondary_data"]>;

/** The commands that debuggers name behind a black box; winlogon's has none in most versions. */
const BLACK_BOX_COMMANDS: Readonly<Record<BlackBox, string>> = {
  BSD: " (!blackboxbsd)",
  NTFS: " (!blackboxntfs)",
  PNP: " (!blackboxpnp)",
  WINLOGON: "",
};

/** Secondary data of a kernel dump: each piece, and what is understood of them. */
export function secondaryPart(data: DumpSecondaryData): SecondaryPart {
  const { boot, plugAndPlay, logon, acpiTables, pciFunctions } = data;
  return {
    blobs: data.blobs.map(({ tag, size, holds, component }) => ({
      tag,
      size,
      holds: holds ?? null,
      component: component ?? null,
    })),
    ...(boot
      ? {
          boot_status: {
            last_boot_succeeded: boot.lastBootSucceeded,
            boot_attempts: boot.bootAttempts,
            boot_id: boot.bootId,
            last_shutdown_boot_id: boot.lastShutdownBootId,
            last_abnormal_boot_id: boot.lastAbnormalBootId,
          },
        }
      : {}),
    ...(plugAndPlay
      ? {
          plug_and_play: {
            device_id: plugAndPlay.deviceId,
            in_progress: plugAndPlay.inProgress,
            problem: plugAndPlay.problem,
          },
        }
      : {}),
    ...(logon ? { logon } : {}),
    ...(acpiTables
      ? {
          acpi_tables: acpiTables.map(({ signature, oemId, oemTable }) => ({
            signature,
            oem_id: oemId ?? null,
            oem_table: oemTable ?? null,
          })),
        }
      : {}),
    ...(pciFunctions ? { pci_functions: pciFunctions.map(pciPart) } : {}),
  };
}

function pciPart(one: PciFunction): NonNullable<SecondaryPart["pci_functions"]>[number] {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  return {
    place: `${hex(one.bus, 2)}:${hex(one.device, 2)}.${one.function}`,
    id: `${hex(one.vendorId, 4)}:${hex(one.deviceId, 4)}`,
    class: `0x${hex(one.classCode, 6)}`,
    revision: one.revision,
  };
}

/** The machine by its firmware and its processor's own name. */
export function machinePart({ secondaryData }: Dump): Pick<CrashReport["system_info"], "cpu_name" | "firmware"> {
  const { cpuName, firmware } = secondaryData ?? {};
  return {
    ...(cpuName === undefined ? {} : { cpu_name: cpuName }),
    ...(firmware
      ? {
          firmware: {
            bios_vendor: firmware.biosVendor ?? null,
            bios_version: firmware.biosVersion ?? null,
            bios_date: firmware.biosDate ?? null,
            manufacturer: firmware.manufacturer ?? null,
            product: firmware.product ?? null,
            board_manufacturer: firmware.boardManufacturer ?? null,
            board_product: firmware.boardProduct ?? null,
          },
        }
      : {}),
  };
}

/** BLACKBOX* as debuggers print them: 1 where there are data, and the command that shows them. */
export function blackBoxFields({ secondaryData }: Dump): Record<string, string> {
  const boxes = secondaryData?.blackBoxes ?? [];
  return Object.fromEntries(boxes.map((box) => [`BLACKBOX${box}`, `1${BLACK_BOX_COMMANDS[box]}`]));
}
