import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { z } from "zod";

/**
 * Settings of a deployment. They stand in `cdk.json` under the context key `stopcode`; one value is
 * changed with `-c stopcode.<path>=<value>`, e.g. `-c stopcode.stage=prod -c stopcode.analyze.timeoutSeconds=60`.
 */

/** Context key of all settings. */
export const SETTINGS_KEY = "stopcode";

/** Longest visibility timeout that SQS knows is 12 hours; ours is six function time-outs. */
export const VISIBILITY_FACTOR = 6;

/** Between the end of an analysis by its budget and the kill by Lambda: the report and the record are written in it. */
export const CLOSING_SECONDS = 2;

/** Days that CloudWatch Logs accepts; its "infinite" is not one of ours. */
const LOG_DAYS = Object.values(RetentionDays).filter(
  (value): value is RetentionDays => typeof value === "number" && value <= 3653,
);

const days = z.int().min(1).max(3650);

const settingsSchema = z
  .strictObject({
    /** Part of every resource's name; `prod` keeps its data when a stack is deleted. */
    stage: z.string().regex(/^[a-z][a-z0-9]{0,15}$/, "1 to 16 lower-case letters and digits, a letter first"),
    /** Days that each kind of data is kept. */
    retentionDays: z.strictObject({
      dumps: days,
      reports: days,
      /** Overwritten and deleted versions of dumps, reports and symbols. */
      noncurrent: days,
      /** Crash records in the table; 0 keeps them. */
      crashes: z.int().min(0).max(3650),
      /** Function logs and access logs of buckets; CloudWatch knows certain numbers only. */
      logs: z.literal(LOG_DAYS),
      /** Events that can be replayed. */
      archive: days,
    }),
    /** Shards of hot keys; never make it smaller while records live. */
    shards: z.int().min(1).max(64),
    analyze: z.strictObject({
      memoryMb: z.int().min(256).max(10240),
      timeoutSeconds: z.int().min(5).max(900),
      /** Most dumps analysed at once. */
      maximumConcurrency: z.int().min(2).max(1000),
      /** Part of the account's concurrency that only this function has; at least `maximumConcurrency`. */
      reservedConcurrency: z.int().min(2).max(10000).optional(),
    }),
    /** Limits of one analysis: reaching one gives a partial report. */
    budgets: z.strictObject({
      bytes: z.int().min(1048576),
      requests: z.int().min(2),
      ms: z.int().min(1000),
    }),
    alarms: z.strictObject({
      /** Gets a mail for each alarm, after confirming the subscription. */
      email: z.email().optional(),
      /** Age of the oldest unseen dump that is worth an alarm. */
      queueAgeMinutes: z.int().min(1).max(1440),
    }),
    /** What an account or a stand-in for AWS may not have. */
    features: z.strictObject({ archive: z.boolean() }),
  })
  .superRefine((settings, context) => {
    const { timeoutSeconds, maximumConcurrency, reservedConcurrency } = settings.analyze;
    const most = (timeoutSeconds - CLOSING_SECONDS) * 1000;
    if (settings.budgets.ms > most) {
      context.addIssue({
        code: "custom",
        path: ["budgets", "ms"],
        message: `must be at most ${most}: analyze.timeoutSeconds less ${CLOSING_SECONDS} s to write the report`,
      });
    }
    if (reservedConcurrency !== undefined && reservedConcurrency < maximumConcurrency) {
      context.addIssue({
        code: "custom",
        path: ["analyze", "reservedConcurrency"],
        message: `must be at least analyze.maximumConcurrency (${maximumConcurrency}), else the queue is throttled`,
      });
    }
  });

/** Checked settings. */
export type Settings = z.infer<typeof settingsSchema>;

/** The settings are wrong; the message has one line for each wrong setting. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  /** One entry for each wrong setting: `stopcode.shards: …`. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`wrong settings in cdk.json (context) or -c:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.problems = problems;
  }
}

/**
 * Checks the settings of a CDK context.
 * @param context all of the app's context: `stopcode` and any `stopcode.<path>` of the command line
 * @throws SettingsError that names every wrong setting at once
 */
export function readSettings(context: Readonly<Record<string, unknown>>): Settings {
  const base = context[SETTINGS_KEY];
  const problems: string[] = [];
  if (!isObject(base)) throw new SettingsError([`${SETTINGS_KEY}: missing, expected an object`]);
  const values = structuredClone(base);
  for (const [key, value] of Object.entries(context)) {
    if (key.startsWith(`${SETTINGS_KEY}.`)) {
      const problem = setPath(values, key.slice(SETTINGS_KEY.length + 1).split("."), value);
      if (problem !== undefined) problems.push(`${key}: ${problem}`);
    }
  }
  const result = settingsSchema.safeParse(values);
  for (const issue of result.error?.issues ?? []) problems.push(...describe(issue));
  if (problems.length > 0 || !result.success) throw new SettingsError(problems);
  return result.data;
}

/** Data outlives the stack only where it is worth money. */
export function keepsData(settings: Settings): boolean {
  return settings.stage === "prod";
}

function describe(issue: z.core.$ZodIssue): string[] {
  const path = [SETTINGS_KEY, ...issue.path.map(String)].join(".");
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => `${path}.${key}: not a setting`);
  return [`${path}: ${issue.message}`];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Sets one value of the command line, where everything is text: `8`, `true` and objects are read as JSON. */
function setPath(target: Record<string, unknown>, path: readonly string[], value: unknown): string | undefined {
  let place = target;
  for (const part of path.slice(0, -1)) {
    if (!Object.hasOwn(place, part)) place[part] = {};
    const next = place[part];
    if (!isObject(next)) return "not a setting";
    place = next;
  }
  const last = path.at(-1) ?? "";
  if (last === "__proto__" || path.includes("__proto__")) return "not a setting";
  place[last] = typeof value === "string" ? jsonOr(value) : value;
  return undefined;
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
