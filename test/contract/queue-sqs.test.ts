// The queue contract on the SQS adapter, over our own server with SQS's rules.
import { after } from "node:test";
import { startSqsServer } from "../support/sqs/server/http.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { sqsQueuesOn } from "../support/sqs/sqs-queues.ts";
import { queueContract } from "./queue.ts";

const local = asLocalSqs(await startSqsServer());
after(() => local.stop());

queueContract("SQS adapter, our server", sqsQueuesOn(local));
