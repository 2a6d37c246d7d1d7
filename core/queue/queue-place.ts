// Where a queue is, read from its URL. Pure. `fixtures/aws/queue-places.json` has the table, which
// the executor's `queue_place.py` follows, too.

export interface QueuePlace {
  /** The server belongs to AWS. */
  readonly aws: boolean;
  /** Requests are signed for it. `null` means that the URL names none. */
  readonly region: string | null;
  /**
   * Where requests go. `null` means AWS's usual endpoint of that region, which the SDK knows (FIPS
   * and dual-stack by its own settings).
   */
  readonly endpoint: string | null;
}

/** `dnsSuffix` and `dualStackDnsSuffix` of every partition in botocore's partitions.json. */
const DNS_SUFFIXES = [
  ...["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu"],
  ...["c2s.ic.gov", "sc2s.sgov.gov", "cloud.adc-e.uk", "csp.hci.ic.gov"],
];
const DUAL_STACK_SUFFIXES = [
  ...["api.aws", "api.amazonwebservices.com.cn", "api.amazonwebservices.eu"],
  ...["api.aws.ic.gov", "api.aws.scloud", "api.cloud-aws.adc-e.uk", "api.aws.hci.ic.gov"],
];

const REGIONAL = /^sqs\.([a-z0-9-]+)$/;
/** FIPS endpoints and interface endpoints of a VPC. */
const PARTICULAR = /^(?:vpce-[a-z0-9-]+\.)?sqs(?:-fips)?\.([a-z0-9-]+)(?:\.vpce)?$/;
/** From before queue URLs had today's form; without a region it is the first one. */
const LEGACY = /^(?:([a-z0-9-]+)\.)?queue$/;

/** Returns the last part of a queue's URL. A name is returned as it is. */
export function queueNameOf(urlOrName: string): string {
  return urlOrName.slice(urlOrName.lastIndexOf("/") + 1);
}

/** Throws for a text that is not a URL. */
export function placeOf(queueUrl: string): QueuePlace {
  const { origin, hostname, protocol, port } = new URL(queueUrl);
  const suffix = [...DNS_SUFFIXES, ...DUAL_STACK_SUFFIXES].find((one) => hostname.endsWith(`.${one}`));
  if (suffix === undefined) return { aws: false, region: null, endpoint: origin };
  const name = hostname.slice(0, -suffix.length - 1);
  const legacy = LEGACY.exec(name);
  const usual = protocol === "https:" && port === "" && DNS_SUFFIXES.includes(suffix);
  const region = (legacy ? (legacy[1] ?? "us-east-1") : PARTICULAR.exec(name)?.[1]) ?? null;
  const endpoint = usual && (legacy !== null || REGIONAL.test(name)) ? null : origin;
  return { aws: true, region, endpoint };
}
