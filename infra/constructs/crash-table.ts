import { RemovalPolicy } from "aws-cdk-lib";
import * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import type { Construct } from "constructs";
import { INDEXES, PK, SK, TTL_ATTRIBUTE } from "../../shared/contracts/table-keys.ts";
import { keepsData, type Settings } from "../settings.ts";

const { STRING } = dynamodb.AttributeType;

/** The one table of crashes, buckets and counters, with every index of contracts/table-keys.ts. */
export function crashTable(scope: Construct, id: string, settings: Settings): dynamodb.Table {
  const table = new dynamodb.Table(scope, id, {
    partitionKey: { name: PK, type: STRING },
    sortKey: { name: SK, type: STRING },
    billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    timeToLiveAttribute: TTL_ATTRIBUTE,
    deletionProtection: keepsData(settings),
    removalPolicy: keepsData(settings) ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
  for (const [indexName, { pk, sk }] of Object.entries(INDEXES)) {
    table.addGlobalSecondaryIndex({
      indexName,
      partitionKey: { name: pk, type: STRING },
      sortKey: { name: sk, type: STRING },
      projectionType: dynamodb.ProjectionType.ALL,
    });
  }
  return table;
}
