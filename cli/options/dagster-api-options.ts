// Where Dagster's web server is, and who asks it: for the commands that have it do something.
import * as v from "valibot";
import { optional, repeated, required, type Values } from "./option.ts";
import { httpUrl, type Kind, text } from "./values.ts";

const GROUP = "Dagster's web server";

/** A header as it is sent: a name and a value. */
export type Header = readonly [name: string, value: string];

const header: Kind<Header> = {
  placeholder: "<Name: value>",
  expects: "a header such as 'Dagster-Cloud-Api-Token: …'",
  schema: v.pipe(
    v.string(),
    v.regex(/^[\w!#$%&'*+.^`|~-]+:[ \t]*[^\s\p{Cc}][^\p{Cc}]*$/u),
    v.transform((given): Header => [given.slice(0, given.indexOf(":")), given.slice(given.indexOf(":") + 1).trim()]),
  ),
};

export const dagsterApiOptions = {
  dagsterUrl: required({
    flag: "--dagster-url",
    env: ["TASKIQ_DAGSTER_URL"],
    group: GROUP,
    help: "Address of Dagster's web server as in a browser, such as https://dagster.example.com/prod. A user and password in it are sent as basic authentication.",
    kind: httpUrl,
  }),
  dagsterHeaders: repeated({
    flag: "--dagster-header",
    env: ["TASKIQ_DAGSTER_HEADERS"],
    group: GROUP,
    help: "Sent with each question, and never shown. In the variable one a line; other users of this machine can read arguments, but not variables.",
    kind: header,
    separator: /\r?\n/,
    secret: true,
  }),
  dagsterCa: optional({
    flag: "--dagster-ca",
    env: ["TASKIQ_DAGSTER_CA"],
    group: GROUP,
    help: "PEM file of the authorities to trust for it, instead of those that Node ships.",
    kind: text("<file>", "a path"),
  }),
};

export interface DagsterApiChoice {
  readonly url: string;
  readonly headers: readonly Header[];
  readonly caFile: string | null;
}

export function dagsterApiChoice({
  dagsterUrl,
  dagsterHeaders,
  dagsterCa,
}: Values<typeof dagsterApiOptions>): DagsterApiChoice {
  return { url: dagsterUrl, headers: dagsterHeaders, caFile: dagsterCa };
}
