/**
 * Grouping configurations: how a verdict becomes a bucket. An id is dated and never changes its meaning;
 * crashes say which one grouped them, and old ids stay readable.
 *
 * 2026-11-22  first: WinDbg's bucket string; module offset and version where no symbol tells functions
 *             apart; the program's name where a system library is all there is to blame.
 */
export const CURRENT_GROUPING = "stopcode:2026-11-22";
