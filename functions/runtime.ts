import { Logger as PowertoolsLogger } from "@aws-lambda-powertools/logger";
import { Metrics as PowertoolsMetrics } from "@aws-lambda-powertools/metrics";
import { Tracer } from "@aws-lambda-powertools/tracer";
import { z } from "zod";
import { ANALYZE_ENV, type AnalyzeEnvName } from "../shared/contracts/env.ts";
import { METRICS } from "../shared/contracts/metrics.ts";
import type { Logger, MetricSink } from "../shared/pipeline/ports.ts";

/** The only file that knows Powertools and process.env. */

const name = z.string().min(1);
const whole = z
  .string()
  .regex(/^\d{1,15}$/, "not a whole number")
  .transform(Number);

const analyzeEnvSchema = z.object({
  TABLE_NAME: name,
  REPORTS_BUCKET: name,
  EVENT_BUS_NAME: name,
  SHARDS: whole.pipe(z.int().min(1).max(64)),
  CRASH_RETENTION_DAYS: whole,
  BUDGET_BYTES: whole.pipe(z.int().min(1)),
  BUDGET_REQUESTS: whole.pipe(z.int().min(1)),
  BUDGET_MS: whole.pipe(z.int().min(1)),
} satisfies Record<AnalyzeEnvName, z.ZodType>);

/** The analyze function's variables, checked. */
export type AnalyzeEnv = z.infer<typeof analyzeEnvSchema>;

/** The function was deployed with variables missing or wrong; the message has a line for each. */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
}

/**
 * Reads the analyze function's variables.
 * @throws EnvironmentError that names all that are missing or wrong, and what each is for
 */
export function readAnalyzeEnv(env: NodeJS.ProcessEnv = process.env): AnalyzeEnv {
  const result = analyzeEnvSchema.safeParse(env);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const variable = String(issue.path[0]) as AnalyzeEnvName;
    const wrong = env[variable] === undefined ? "missing" : issue.message;
    return `  ${variable}: ${wrong} (${ANALYZE_ENV[variable]})`;
  });
  throw new EnvironmentError(`environment of the function:\n${lines.join("\n")}`);
}

/** Address of AWS when it is not AWS's own, as the SDK's variable names it: an emulator, a VPC endpoint. */
export function clientOptions(env: NodeJS.ProcessEnv = process.env): { endpoint?: string } {
  const { AWS_ENDPOINT_URL: endpoint } = env;
  return endpoint ? { endpoint } : {};
}

/** What a function has of its surroundings. */
export interface Runtime {
  readonly log: Logger;
  readonly metrics: MetricSink;
  /** Follows the calls of an AWS SDK client in the trace. */
  traceClient<T>(client: T): T;
  /** Runs one invocation: its ids in every log line, its metrics sent at the end, whatever happens. */
  invoke<E, R>(event: E, context: LambdaContext, handle: (event: E) => Promise<R>): Promise<R>;
}

/** What Powertools wants to know of an invocation. */
export type LambdaContext = Parameters<PowertoolsLogger["addContext"]>[0];

/** Powertools behind our ports; service name and namespace come from its own variables. */
export function createRuntime(): Runtime {
  const logger = new PowertoolsLogger();
  const metrics = new PowertoolsMetrics();
  const tracer = new Tracer();
  return {
    log: {
      info: (message, fields) => logger.info(message, { ...fields }),
      warn: (message, fields) => logger.warn(message, { ...fields }),
      error: (message, fields) => logger.error(message, { ...fields }),
    },
    metrics: { count: (metric, value = 1) => metrics.addMetric(metric, METRICS[metric].unit, value) },
    traceClient: (client) => tracer.captureAWSv3Client(client),
    invoke: async (event, context, handle) => {
      logger.addContext(context);
      metrics.captureColdStartMetric(context.functionName);
      try {
        return await handle(event);
      } finally {
        metrics.publishStoredMetrics();
      }
    },
  };
}
