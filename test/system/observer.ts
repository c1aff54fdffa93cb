import { PutRuleCommand, PutTargetsCommand } from "@aws-sdk/client-eventbridge";
import { SubscribeCommand } from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
} from "@aws-sdk/client-sqs";
import { bridge, eventually, type Outputs, sns, sqs } from "./stage.ts";

/** An event as it came out of a subscribed queue. */
export interface Seen {
  readonly type: string;
  readonly detail: Readonly<Record<string, unknown>>;
  /** `Date.now()` when the message was received. */
  readonly at: number;
}

/** Collects everything that arrives at a queue of its own, until it is closed. */
export class Observer {
  readonly seen: Seen[] = [];
  readonly #url: string;
  #running = true;
  readonly #loop: Promise<void>;

  private constructor(url: string) {
    this.#url = url;
    this.#loop = this.#collect();
  }

  /** Listens to all events on the bus. */
  static async ofBus(out: Outputs): Promise<Observer> {
    const { url, arn } = await newQueue("observer-bus");
    const rule = { Name: "observer", EventBusName: out.EventBusName };
    await bridge.send(new PutRuleCommand({ ...rule, EventPattern: JSON.stringify({ source: ["stopcode"] }) }));
    await bridge.send(
      new PutTargetsCommand({ Rule: rule.Name, EventBusName: rule.EventBusName, Targets: [{ Id: "q", Arn: arn }] }),
    );
    return new Observer(url);
  }

  /** Listens to a topic. */
  static async ofTopic(topicArn: string): Promise<Observer> {
    const { url, arn } = await newQueue("observer-topic");
    await sns.send(
      new SubscribeCommand({
        TopicArn: topicArn,
        Protocol: "sqs",
        Endpoint: arn,
        Attributes: { RawMessageDelivery: "true" },
      }),
    );
    return new Observer(url);
  }

  /** Events of a type whose detail has these values. */
  all(type: string, detail: Readonly<Record<string, unknown>> = {}): Seen[] {
    return this.seen.filter(
      (event) => event.type === type && Object.entries(detail).every(([name, value]) => event.detail[name] === value),
    );
  }

  /** Waits for the first such event. */
  first(type: string, detail: Readonly<Record<string, unknown>>, ms?: number): Promise<Seen> {
    return eventually(`${type} ${JSON.stringify(detail)}`, () => this.all(type, detail)[0], ms);
  }

  async close(): Promise<void> {
    this.#running = false;
    await this.#loop;
  }

  async #collect(): Promise<void> {
    while (this.#running) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: this.#url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
      );
      const at = Date.now();
      for (const message of Messages) {
        const event = JSON.parse(message.Body ?? "{}");
        this.seen.push({ type: event["detail-type"], detail: event.detail, at });
      }
      if (Messages.length > 0) {
        const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
        await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: this.#url, Entries }));
      }
    }
  }
}

async function newQueue(name: string): Promise<{ url: string; arn: string }> {
  const { QueueUrl: url = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  const answer = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["QueueArn"] }));
  return { url, arn: answer.Attributes?.["QueueArn"] ?? "" };
}
