// Service links: variables that Kubernetes (and Docker's old `--link`) sets in every container for
// each Service of the namespace.
// https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
// A Service called postgres gives POSTGRES_PORT=tcp://10.96.0.9:5432, POSTGRES_SERVICE_HOST and
// more.

const LINK = /^(?:tcp|udp|sctp):\/\/[^\s/]+:(?<port>\d{1,5})$/;
const LINKED_NAME = /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;

export function isServiceLink(text: string): boolean {
  return LINK.test(text);
}

/** The port of a service link; any other text as it is. */
export function portOfLink(text: string): string {
  return LINK.exec(text)?.groups?.["port"] ?? text;
}

/** Whether Kubernetes would set this variable for a Service. */
export function isOfService(name: string, value: string): boolean {
  return LINKED_NAME.test(name) || (name.endsWith("_PORT") && isServiceLink(value));
}
