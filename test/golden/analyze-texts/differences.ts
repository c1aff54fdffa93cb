/** What a log prints and our rules do not, with the reason: one that vanishes fails the test, as does a new one. */
export interface Difference {
  readonly field: string;
  readonly reason: string;
}

const REDACTED = "the page that shows the log blanks the value";
const NO_SYSTEM = "no line of the log tells the build of Windows";
const IRQL = "the debugger took it from the processor, of which a log shows nothing";
const PAGE_BREAK = "the page leaves the address out that the transfer came from";

const OLD_ENGINE = "debuggers of 2012 print `kb` for every stop; later ones go to a stored context first";

/** By case. */
export const DIFFERENCES: Readonly<Record<string, readonly Difference[]>> = {
  "01_0x3b": [],
  "31_0xc4 and 32": [
    { field: "CURRENT_IRQL", reason: IRQL },
    { field: "FOLLOWUP_NAME", reason: REDACTED },
    { field: "LAST_CONTROL_TRANSFER", reason: PAGE_BREAK },
    { field: "STACK_COMMAND", reason: OLD_ENGINE },
  ],
  "33_0xc4": [
    { field: "FAILURE_BUCKET_ID", reason: REDACTED },
    { field: "FOLLOWUP_NAME", reason: REDACTED },
  ],
  "34_0xc4": [
    { field: "CURRENT_IRQL", reason: IRQL },
    { field: "DEFAULT_BUCKET_ID", reason: NO_SYSTEM },
  ],
  "083125-14875-01": [
    {
      field: "IMAGE_NAME",
      reason: "the loader calls the kernel ntoskrnl.exe; the debugger takes the name in the image's debug directory",
    },
  ],
  "052126-34312-01": [],
};
