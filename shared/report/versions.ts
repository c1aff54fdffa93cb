/**
 * Versions that stand in every report. Apart from the schema, so that a report can be written without
 * loading what validates it.
 */

/** Version of the report's shape. Bump it with an upgrader in upgrade.ts and a kept old fixture. */
export const REPORT_SCHEMA = "stopcode.report/1";
/** Version of the analysis: a different one may give a different report of the same dump. */
export const ANALYZER_VERSION = "0.1.0";
