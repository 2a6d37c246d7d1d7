// The queue contract on the SQS adapter, over a server that others wrote.
import { after } from "node:test";
import { startFauxqsServer } from "../support/sqs/fauxqs.ts";
import { sqsQueuesOn } from "../support/sqs/sqs-queues.ts";
import { queueContract } from "./queue.ts";

const local = await startFauxqsServer();
after(() => local.stop());

queueContract("SQS adapter, fauxqs", sqsQueuesOn(local));
