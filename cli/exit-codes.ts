/** Exit codes of the command line (docs: README, "Exit codes"). */
export const EXIT = {
  /** Analysed, also partially. */
  ok: 0,
  /** A bug of ours. */
  bug: 1,
  /** Wrong usage. */
  usage: 2,
  /** Not a dump that we read. */
  notADump: 3,
  /** The source could not be read. */
  unreadable: 4,
} as const;
