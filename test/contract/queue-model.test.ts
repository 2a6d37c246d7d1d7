// The queue contract on the model of SQS behind the port, as simulations use it.

import { SqsModel } from "../../cli/dev/sqs-server/model.ts";
import { systemClock } from "../../core/clock.ts";
import { ModelQueue } from "../support/ports/model-queue.ts";
import { queueContract } from "./queue.ts";

queueContract("model", async (_t, { fifo, maxReceiveCount = 5 }) => {
  const model = new SqsModel({ clock: systemClock });
  const [suffix, type] = fifo ? [".fifo", { FifoQueue: "true" }] : ["", {}];
  const deadLetters = maxReceiveCount === null ? null : model.createQueue(`steps-dlq${suffix}`, type);
  const redrive = { deadLetterTargetArn: deadLetters?.arn, maxReceiveCount };
  const policy = deadLetters === null ? {} : { RedrivePolicy: JSON.stringify(redrive) };
  const source = model.createQueue(`steps${suffix}`, { ...type, ...policy });
  return {
    queue: new ModelQueue({ source, deadLetters, clock: systemClock }),
    send: async (message) => source.send(message).messageId,
    inspect: async () => source.inspect(),
    inspectDeadLetters: async () => deadLetters?.inspect() ?? [],
  };
});
