import { Duration, RemovalPolicy, Stack, Validations } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import type * as s3 from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import { METRICS_NAMESPACE } from "../../shared/contracts/metrics.ts";
import type { Settings } from "../settings.ts";
import { functionCode } from "./function-code.ts";

/** What differs between our functions. */
export interface PipelineFunctionProps {
  readonly settings: Settings;
  /** File below the repository's root that exports `handler`. */
  readonly entry: string;
  readonly description: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly reservedConcurrency?: number | undefined;
}

/** A Lambda function as all of ours are: arm64, Node 24, own role, own log group with an end, traced. */
export class PipelineFunction extends Construct {
  readonly lambda: lambda.Function;
  readonly logGroup: logs.LogGroup;
  readonly #role: iam.Role;

  constructor(scope: Construct, id: string, props: PipelineFunctionProps) {
    super(scope, id);
    const { settings } = props;
    this.logGroup = new logs.LogGroup(this, "Logs", {
      retention: settings.retentionDays.logs,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Not the role that CDK makes: that one has AWS's policy with rights on every log group.
    this.#role = new iam.Role(this, "Role", { assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com") });
    this.allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [this.logGroup.logGroupArn]);
    this.lambda = new lambda.Function(this, "Function", {
      description: props.description,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      handler: "index.handler",
      code: functionCode(props.entry),
      role: this.#role,
      logGroup: this.logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      tracing: lambda.Tracing.ACTIVE,
      memorySize: props.memoryMb,
      timeout: Duration.seconds(props.timeoutSeconds),
      environment: {
        ...props.environment,
        POWERTOOLS_SERVICE_NAME: id.toLowerCase(),
        POWERTOOLS_METRICS_NAMESPACE: METRICS_NAMESPACE,
        // A call outside a trace is worth no line in the log.
        AWS_XRAY_CONTEXT_MISSING: "IGNORE_ERROR",
      },
      ...(props.reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: props.reservedConcurrency }),
    });
    Validations.of(this.#role).acknowledge({
      id: "AwsSolutions-IAM5[Resource::*]",
      reason:
        "xray:PutTraceSegments and xray:PutTelemetryRecords know no resources: AWS only accepts * for them. No other statement of this role has it.",
    });
  }

  /** Adds one statement to the function's role. */
  allow(sid: string, actions: readonly string[], resources: readonly string[]): void {
    this.#role.addToPolicy(new iam.PolicyStatement({ sid, actions: [...actions], resources: [...resources] }));
  }

  /** Says why a prefix of objects, which cdk-nag takes for a wildcard, is as narrow as it gets. */
  acknowledgePrefix(bucket: s3.Bucket, prefix: string, reason: string): void {
    // cdk-nag names an ARN of another stack by its export.
    const stack = Stack.of(bucket);
    const { "Fn::ImportValue": exportName } = stack.resolve(stack.exportValue(bucket.bucketArn)) as Record<
      string,
      string
    >;
    const id = `AwsSolutions-IAM5[Resource::${exportName}/${prefix}*]`;
    Validations.of(this.#role).acknowledge({ id, reason });
  }
}
