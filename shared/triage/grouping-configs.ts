/**
 * Grouping configurations: how a verdict becomes a bucket. An id is dated and never changes its meaning;
 * crashes say which one grouped them, and old ids stay readable.
 *
 * 2026-11-22  first: WinDbg's bucket string; module offset and version where no symbol tells functions
 *             apart; the program's name where a system library is all there is to blame.
 * 2026-11-22.2  the same form over the strings that WinDbg's printed buckets show: NULL_CLASS_PTR, AVRF, AV_R_INVALID,
 *             CODE_AV_*, IP_MISALIGNED, `_` for every mark in a function's name, the class alone where nobody is blamed.
 */
export const CURRENT_GROUPING = "stopcode:2026-11-22.2";
