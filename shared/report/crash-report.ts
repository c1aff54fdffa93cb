import { z } from "zod";
import { REPORT_SCHEMA } from "./versions.ts";

/**
 * The report: schema `stopcode.report/1` (DESIGN, "Report"). For what both know it is a
 * superset of rust-minidump's `minidump-stackwalk --json`; every field may be null or absent.
 *
 * Fields are restricted until they are marked public: only public ones may appear in logs and
 * events. `docs/report-schema.json` is generated from this file (`npm run docs:schemas`).
 */

/** Marks a field as public. */
const pub = <T extends z.ZodType>(schema: T): T => schema.meta({ access: "public" });

const hex = z.string().regex(/^0x[0-9a-f]+$/);
const text = z.string().nullable();
const count = z.int().nonnegative();

const frame = z.object({
  frame: pub(count),
  /** Absolute address; of callers one inside of the call instruction, not the return address. */
  offset: pub(hex),
  module: pub(text),
  module_offset: pub(hex.nullable()),
  function: pub(text),
  function_offset: pub(hex.nullable()),
  file: text,
  line: pub(count.nullable()),
  inlines: z.array(z.object({ function: text, file: text, line: count.nullable() })).nullable(),
  trust: pub(z.enum(["context", "cfi", "frame_pointer", "cfi_scan", "scan", "inline", "prewalked", "none"])),
  missing_symbols: pub(z.boolean()),
  unloaded_modules: z.array(z.object({ module: z.string(), offsets: z.array(hex) })).nullable(),
  registers: z.record(z.string(), hex).optional(),
});

const thread = z.object({
  thread_id: pub(count),
  thread_name: text,
  frame_count: pub(count),
  last_error_value: text,
  frames: z.array(frame),
});

const loadedModule = z.object({
  base_addr: pub(hex),
  end_addr: pub(hex),
  /** Base name. */
  filename: pub(z.string()),
  version: pub(text),
  code_id: pub(text),
  debug_id: pub(text),
  debug_file: text,
  timestamp: pub(hex.nullable()),
  checksum: pub(hex.nullable()),
  /** `not-read`: a budget left identity and version out; `absent`: the dump does not hold them. */
  identity: pub(z.enum(["read", "not-read", "absent"])),
  cert_subject: text,
  loaded_symbols: pub(z.boolean()),
  missing_symbols: pub(z.boolean()),
  corrupt_symbols: pub(z.boolean()),
  symbol_url: text,
});

const unloadedModule = z.object({
  base_addr: pub(hex),
  end_addr: pub(hex),
  filename: pub(z.string()),
  code_id: pub(text),
  cert_subject: text,
});

const argument = z.object({ value: pub(hex), meaning: pub(text) });

/** What firmware and components have put beside a kernel dump; what the dump lacks is absent. */
const secondaryData = z.object({
  /** Each piece by its tag, with what it is known to hold and the component that it names. */
  blobs: z.array(z.object({ tag: pub(z.string()), size: pub(count), holds: pub(text), component: pub(text) })),
  boot_status: z
    .object({
      last_boot_succeeded: pub(z.boolean()),
      boot_attempts: pub(count),
      boot_id: pub(count),
      last_shutdown_boot_id: pub(count),
      last_abnormal_boot_id: pub(count),
    })
    .optional(),
  /** The device's path can hold its serial number. */
  plug_and_play: z.object({ device_id: z.string(), in_progress: pub(z.boolean()), problem: pub(count) }).optional(),
  logon: z.object({ operation: pub(z.string()), pending: pub(z.boolean()) }).optional(),
  acpi_tables: z.array(z.object({ signature: pub(z.string()), oem_id: pub(text), oem_table: pub(text) })).optional(),
  /** Place as `bus:device.function`, ids as `vendor:device`, both in hexadecimal; class with its interface. */
  pci_functions: z
    .array(z.object({ place: pub(z.string()), id: pub(z.string()), class: pub(hex), revision: pub(count) }))
    .optional(),
});

/** The whole report as a zod schema: tests and readers of stored reports validate with it. */
export const crashReportSchema = z.object({
  schema: pub(z.literal(REPORT_SCHEMA)),
  analyzer_version: pub(z.string()),
  grouping: pub(z.string()),
  status: pub(z.string()),
  dump: z.object({
    kind: pub(z.string()),
    format: pub(z.string()),
    dump_type: pub(hex.nullable()),
    size: pub(count),
    created: pub(text),
    uptime_seconds: pub(z.number().nullable()),
    truncated: pub(z.boolean()),
    /** Streams of a minidump, sections of a kernel dump: name and place. */
    streams: z.array(z.object({ name: z.string(), offset: count, size: count })).optional(),
    sections: z.array(z.object({ name: z.string(), offset: count, size: count })).optional(),
  }),
  crash_info: z.object({
    type: pub(text),
    address: pub(hex.nullable()),
    crashing_thread: pub(count.nullable()),
    assertion: text,
    /** The failing instruction as WinDbg writes it. This and what follows: rust-minidump's keys, absent where not known. */
    instruction: text.optional(),
    memory_accesses: z
      .array(
        z.object({
          address: hex,
          size: count,
          access_type: z.enum(["read", "write", "readwrite"]),
          is_likely_guard_page: z.boolean().optional(),
        }),
      )
      .optional(),
    /** What the processor could not say: an offset from null, or an address that nothing can map. */
    adjusted_address: z
      .object({
        kind: pub(z.enum(["null-pointer", "non-canonical"])),
        address: hex.optional(),
        offset: pub(hex).optional(),
      })
      .optional(),
    instruction_pointer_update: z.object({ address: hex }).optional(),
    possible_bit_flips: z
      .array(
        z.object({
          address: hex,
          confidence: pub(z.number()),
          details: z.object({
            is_null: pub(z.boolean()),
            nearby_registers: pub(count),
            poison_registers: pub(z.boolean()),
            was_low: pub(z.boolean()),
            was_non_canonical: pub(z.boolean()),
          }),
          source_register: pub(text),
        }),
      )
      .optional(),
    crash_inconsistencies: pub(z.array(z.string())).optional(),
  }),
  system_info: z.object({
    os: pub(text),
    os_ver: pub(text),
    cpu_arch: pub(text),
    cpu_info: pub(text),
    cpu_count: pub(count.nullable()),
    cpu_microcode_version: pub(text),
    product_type: pub(text).optional(),
    suite_mask: pub(hex).optional(),
    /** The processor's own name, where a kernel dump's secondary data have it. */
    cpu_name: pub(text).optional(),
    /** Who made machine and firmware, by SMBIOS: never serial numbers, UUIDs or asset tags. */
    firmware: z
      .object({
        bios_vendor: pub(text),
        bios_version: pub(text),
        bios_date: pub(text),
        manufacturer: pub(text),
        product: pub(text),
        board_manufacturer: pub(text),
        board_product: pub(text),
      })
      .optional(),
  }),
  bugcheck: z
    .object({
      code: pub(hex),
      name: pub(text),
      description: pub(text),
      args: z.array(argument).length(4),
      sub_code: pub(text),
    })
    .nullable(),
  exception: z
    .object({
      code: pub(hex),
      name: pub(text),
      text: pub(text),
      flags: pub(hex),
      address: pub(hex),
      parameters: z.array(hex),
      /** read, write, execute */
      access: pub(text),
      /** null, user, kernel, non-canonical, stack, guard, … */
      address_class: pub(text),
    })
    .nullable(),
  /** The instruction that failed, or that an argument names; null in dumps without a crash. */
  instruction: z
    .object({
      address: pub(hex),
      /** `module!function+0x12` */
      place: pub(text),
      /** As listings write them: in the order of memory, of ARM64 as one word. */
      bytes: text,
      /** As WinDbg writes it. */
      text,
      /** Why there is no text: no-code, invalid, cut, no-disassembler. */
      missing: pub(text),
      /** Segment, address and value of each operand as WinDbg appends them to the text. */
      values: text,
      operands: z.array(
        z.object({
          access: pub(z.enum(["read", "write", "readwrite"])),
          /** Bytes. */
          size: pub(count.nullable()),
          /** The text does not show it: the stack slot of a push or call. */
          implicit: pub(z.boolean()),
          address: hex.nullable(),
          registers: z.record(z.string(), hex),
          value: hex.nullable(),
          /** Why there is no value. */
          hole: pub(text),
          place: text,
          address_class: pub(text),
          guard_page: pub(z.boolean()),
          faulting: pub(z.boolean()),
        }),
      ),
      /** Where a jump, call or return would have gone on. */
      target: hex.nullable(),
      target_place: text,
      fault: z
        .object({
          /** As the exception says. */
          reported_address: hex,
          /** As the operands say, where the processor reports none. */
          address: hex.nullable(),
          place: text,
          access: pub(text),
          /** Bytes. */
          size: pub(count.nullable()),
          follows_from_registers: pub(z.boolean().nullable()),
          /** stack-exhausted, null-pointer, non-canonical, misaligned, guard-page, unloaded-image, not-executable, read-only, unmapped, kernel-address */
          cause: pub(text),
          /** Bytes from null, negative below it. */
          null_offset: pub(z.int().nullable()),
        })
        .nullable(),
      stack_exhausted: pub(z.boolean()),
      /** It stands in the middle of an instruction: no program jumps there. */
      misaligned_ip: pub(z.boolean()),
    })
    .nullable()
    .optional(),
  process: z.object({ pid: pub(count.nullable()), name: pub(text), uptime_seconds: pub(z.number().nullable()) }),
  thread: z.object({ id: pub(count.nullable()), name: text, irql: pub(count.nullable()) }).nullable(),
  processor: z
    .object({
      number: pub(count.nullable()),
      vendor: pub(text),
      mhz: pub(count.nullable()),
      irql: pub(count.nullable()),
    })
    .nullable(),
  kernel: z
    .object({
      base: hex.nullable(),
      loaded_module_list: hex,
      active_process_head: hex,
      directory_table_base: hex,
      debugger_data: hex.nullable(),
      build_lab: pub(text),
      attributes: pub(hex.nullable()),
      producer: pub(text),
      major_version: pub(count),
      minor_version: pub(count),
      /** What told where fields of kernel records lie: symbols, debugger-data, table, recognition. */
      offsets_from: z
        .object({
          process: pub(text),
          thread: pub(text),
          processor: pub(text),
          table_build: pub(count.nullable()),
        })
        .nullable()
        .optional(),
      /** KUSER_SHARED_DATA; of dumps with that page. A note says where it contradicts the header. */
      shared_data: z
        .object({
          nt_version: pub(z.string()),
          product_type: pub(count.nullable()),
          suite_mask: pub(hex),
          physical_memory_bytes: pub(count.nullable()),
          active_processors: pub(count.nullable()),
          boot_id: pub(count.nullable()),
          debugger_enabled: pub(z.boolean()),
          safe_boot: pub(z.boolean()),
          system_root: text,
        })
        .optional(),
      secondary_data: secondaryData.optional(),
    })
    .nullable(),
  /** All processors of a kernel dump that were read. */
  processors: z
    .array(
      z.object({
        number: pub(count.nullable()),
        vendor: pub(text),
        mhz: pub(count.nullable()),
        current_thread: hex.nullable(),
        idle: pub(z.boolean()),
        crashed: pub(z.boolean()),
      }),
    )
    .optional(),
  /** Processes of a kernel dump in the order of the system's list, at most 64. */
  processes: z
    .array(z.object({ pid: pub(count), name: pub(text), parent_pid: pub(count.nullable()), created: pub(text) }))
    .optional(),
  /** Registers where the failure happened, and the record that holds them; of a kernel dump, when one was found. */
  faulting_context: z
    .object({
      source: pub(z.string()),
      trap_frame: hex.nullable(),
      context_record: hex.nullable(),
      exception_record: hex.nullable(),
      ip: pub(hex),
      sp: hex,
      registers: z.record(z.string(), hex),
    })
    .nullable()
    .optional(),
  pid: pub(count.nullable()),
  process_uptime: pub(z.number().nullable()),
  main_module: pub(count.nullable()),
  modules: z.array(loadedModule),
  unloaded_modules: z.array(unloadedModule),
  thread_count: pub(count),
  threads: z.array(thread),
  crashing_thread: thread.extend({ threads_index: pub(count) }).nullable(),
  lsb_release: z.record(z.string(), text).nullable(),
  /** WinDbg's own field names and values, as `!analyze -v` prints them. */
  analysis: z.record(z.string(), z.string()),
  culprit: z
    .object({
      module: pub(text),
      version: pub(text),
      symbol: pub(text),
      confidence: pub(z.enum(["high", "medium", "low", "none"])),
      /** What was seen and which rule it fed. */
      reasons: z.array(z.object({ rule: z.string(), seen: z.string() })),
    })
    .nullable(),
  bucket: z
    .object({
      id: pub(z.string()),
      title: pub(z.string()),
      grouping: pub(z.string()),
      why: z.array(z.string()),
    })
    .nullable(),
  symbols: z.array(
    z.object({
      module: z.string(),
      status: z.enum(["found", "missing", "mismatched", "corrupt"]),
      /** False where a file was used on somebody's word: it is not known to be of this build. Absent otherwise. */
      verified: z.literal(false).optional(),
      debug_id: text,
      code_id: text,
      looked_in: z.array(z.string()),
    }),
  ),
  notes: pub(z.array(z.object({ code: z.string(), where: z.string(), detail: z.string() }))),
  io: pub(
    z.object({
      source_size: count,
      bytes_read: count,
      requests: count,
      rounds: count,
      symbols: z.object({ bytes_read: count, requests: count, rounds: count }),
    }),
  ),
  /** Texts of Breakpad, Crashpad and Mozilla streams under rust-minidump's keys. */
  extras: z.record(z.string(), z.unknown()),
});

/** A report as code handles it. */
export type CrashReport = z.infer<typeof crashReportSchema>;
/** One frame of a report. */
export type ReportFrame = CrashReport["threads"][number]["frames"][number];
/** One thread of a report. */
export type ReportThread = CrashReport["threads"][number];
