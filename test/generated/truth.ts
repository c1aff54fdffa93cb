/** What the generator says of a dump that it wrote: the parts that are compared. Addresses are hex texts. */

/** A loaded image. */
export interface TruthModule {
  readonly name: string;
  readonly path: string;
  readonly base: string;
  readonly size: string;
  /** Null where nothing in the dump tells it. */
  readonly timestamp: string | null;
  readonly checksum?: string | null;
  readonly pdb: { readonly name: string; readonly guid: string; readonly age: number } | null;
  readonly version_in_dump?: boolean | null;
  readonly version?: string | null;
}

/** A process of the simulated system. */
export interface TruthProcess {
  readonly name: string;
  readonly pid: number;
  readonly ppid?: number;
  readonly eprocess: string;
}

/** The ground truth of one dump. */
export interface Truth {
  readonly header: {
    readonly bugcheck: string;
    readonly args: readonly string[];
    readonly build: number;
    readonly dtb: string;
    /** Absent on x86, which has one. */
    readonly processors?: number;
    readonly system_time_utc?: string;
  };
  readonly file_size: number;
  readonly physical?: {
    readonly ram_pages: number;
    readonly stored_pages: number;
    readonly needed_pages_lazy: number;
    readonly needed_pages: number;
  };
  readonly os?: { readonly build_lab: string };
  readonly kdbg?: Readonly<Record<string, string>>;
  readonly context?: Readonly<Record<string, string>>;
  readonly modules: readonly TruthModule[];
  /** Oldest first; the system's own list, and ours, begins with the newest. */
  readonly unloaded: ReadonlyArray<{ readonly name: string; readonly start: string; readonly end: string }>;
  readonly processes: readonly TruthProcess[];
  readonly current: {
    readonly thread: string;
    readonly process: string;
    /** The rest is absent on x86. */
    readonly cpu?: number;
    readonly tid?: number;
    readonly process_name?: string;
    readonly pid?: number;
    readonly prcbs?: readonly string[];
  };
  readonly records: Readonly<Record<string, unknown>> & {
    /** Registers where the failure happened. */
    readonly fault_regs?: Readonly<Record<string, string>>;
    readonly trap_frame?: string;
  };
  readonly expect: { readonly culprit: string; readonly bucket: string; readonly why: string };
}
