/**
 * Tags of secondary data that are known by their bytes in real dumps, and what stands below them. Those that a driver
 * makes up for its own log share all but the second group, and begin with the driver's name instead.
 */
export const TAGS = {
  SMBIOS: "bc5c008f-1e3a-44d7-988d-86f6884c6758",
  PROCESSOR_REGISTERS: "d03dc06f-d88e-44c5-ba2a-fae035172d19",
  ACPI: "e83b40d2-b0a0-4842-abea-71c9e3463dd1",
  PCI: "9276c055-eb87-425c-b8b5-04e4d247f6cd",
  BOOT_STATUS: "f57308df-cc45-4e01-ad76-29a4ebb010ec",
  NTFS: "00afe9c4-940d-4213-8016-cd3719b5bc20",
  PLUG_AND_PLAY: "b7631941-532a-4cd6-b1b1-edb5917d4557",
  WINLOGON: "80cc79cf-a719-4af1-bf97-fe29ff76ebc1",
  DRIVER_FRAMEWORK_LOG: "54c84888-01d1-4c1e-bed6-282c98241303",
  STORAGE_PORT: "da82441d-7142-4bc1-b844-0807c5a4b67f",
} as const;

/** What stands below a tag, in a few words. */
export const HOLDS: Readonly<Record<string, string>> = {
  [TAGS.SMBIOS]: "firmware tables (SMBIOS)",
  "6c7ac389-4313-47dc-9f34-a8800a0fb56c": "processor's registry values",
  [TAGS.PROCESSOR_REGISTERS]: "processor registers (CPUID, MSR)",
  [TAGS.ACPI]: "ACPI tables",
  [TAGS.PCI]: "PCI configuration",
  [TAGS.BOOT_STATUS]: "boot status data",
  [TAGS.NTFS]: "NTFS black box",
  [TAGS.PLUG_AND_PLAY]: "Plug and Play black box",
  [TAGS.WINLOGON]: "winlogon black box",
  "4ee76bd8-3cf4-44a0-a0ac-3937643e37a3": "code integrity black box",
  [TAGS.DRIVER_FRAMEWORK_LOG]: "log of a framework driver (WDF)",
  "f87e4a4c-c5a1-4d2f-bff0-d5de63a5e4c3": "framework drivers (WDF)",
  [TAGS.STORAGE_PORT]: "storage port",
  "270a33fd-3da6-460d-ba89-3c1bae21e39b": "display (dxgkrnl)",
  "2b88b710-1c93-4f7c-b06c-655ecc50decc": "event trace buffers (ETW)",
  "2b4ae195-a64d-4f04-8ede-7e4f981bd42a": "addresses of triage data",
  "65755a40-f146-43ea-8c91-36b85728fd35": "crash dump driver",
  "7b581fa7-81c2-423f-a65c-1266fb10603d": "hypervisor identification",
  "9282756a-ab95-4d24-a137-ecddc5de53f5": "secure kernel failure log",
  "b0692a5e-6b7b-4073-8a7c-604e35032970": "secure kernel crash data",
};
