// The worker's container, as ECS's task definition describes it. Pure: names in, JSON out.
import { graceSeconds, type Sizing } from "./settings.ts";

export interface ContainerSettings {
  readonly image: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly region: string;
  readonly logGroup: string;
  readonly sizing: Sizing;
  /** What starts `taskiq`; the image's own ENTRYPOINT. */
  readonly entryPoint: readonly string[];
  /** `run` and its options, Dagster's own flags for the code location among them. */
  readonly command: readonly string[];
  /** Added to, and stronger than, what is set here. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variable → ARN of a Secrets Manager secret (or one of its fields) or of an SSM parameter. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly healthPort: number;
  readonly taskProtection: boolean;
}

/**
 * Seconds, the most that ECS allows. The health check fails until the worker has been ready once;
 * in this time ECS does not count that. A check that passed earlier would end the start period, and
 * with it ECS's chance to roll a bad deploy back (API reference, HealthCheck, startPeriod).
 */
const START_PERIOD = 300;

export function workerContainer(settings: ContainerSettings) {
  return {
    name: "worker",
    image: settings.image,
    essential: true,
    entryPoint: settings.entryPoint,
    command: settings.command,
    user: "65532:65532",
    readonlyRootFilesystem: true,
    mountPoints: [{ sourceVolume: TMP_VOLUME, containerPath: "/tmp", readOnly: false }],
    // By default ECS sends SIGTERM, and SIGKILL after this.
    stopTimeout: settings.sizing.stopTimeoutSeconds,
    // CMD, not CMD-SHELL: there is no shell in the image. It fails until the worker has been ready
    // once, and never for an outage after that.
    healthCheck: {
      command: ["CMD", ...settings.entryPoint, "healthcheck"],
      interval: 10,
      timeout: 5,
      retries: 3,
      startPeriod: START_PERIOD,
    },
    environment: pairs({ ...ownEnvironment(settings), ...settings.environment }).map(([name, value]) => ({
      name,
      value,
    })),
    secrets: pairs(settings.secrets).map(([name, valueFrom]) => ({ name, valueFrom })),
    logConfiguration: {
      logDriver: "awslogs",
      options: {
        "awslogs-group": settings.logGroup,
        "awslogs-region": settings.region,
        "awslogs-stream-prefix": "worker",
        // A log that is slow must not hold up the worker's loops; what does not fit is dropped, and
        // CloudWatch counts it.
        mode: "non-blocking",
        "max-buffer-size": "25m",
      },
    },
    linuxParameters: { initProcessEnabled: false, capabilities: { drop: ["ALL"] } },
  };
}

/** The one place that can be written to. */
export const TMP_VOLUME = "tmp";

function ownEnvironment(settings: ContainerSettings): Readonly<Record<string, string>> {
  const { sizing } = settings;
  return {
    AWS_REGION: settings.region,
    PYTHONDONTWRITEBYTECODE: "1",
    TASKIQ_DLQ_URL: settings.deadLetterQueueUrl,
    TASKIQ_GRACE: `${graceSeconds(sizing.stopTimeoutSeconds)}s`,
    TASKIQ_LOG_FORMAT: "json",
    TASKIQ_MAX_STARTS: String(sizing.maxStarts),
    TASKIQ_QUEUE_URL: settings.queueUrl,
    TASKIQ_VISIBILITY_TIMEOUT: `${sizing.visibilityTimeoutSeconds}s`,
    TASKIQ_WORKER_CONCURRENCY: String(sizing.concurrency),
    TASKIQ_WORKER_HEALTH_PORT: String(settings.healthPort),
    ...(settings.taskProtection ? { TASKIQ_TASK_PROTECTION: "true" } : {}),
    TMPDIR: "/tmp",
  };
}

/** In order, so that the same settings make the same revision. */
function pairs(record: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
