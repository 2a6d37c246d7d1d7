// What Dagster answers to a launch, in words. Pure.
import * as v from "valibot";
import { shortened } from "../formats/shortened.ts";
import type { Launched } from "./port.ts";

/**
 * The fields of every member of `LaunchRunReexecutionResult`; which of them a member has, its
 * `__typename` decides.
 */
export const launchAnswer = v.object({
  __typename: v.string(),
  run: v.optional(v.object({ runId: v.string(), status: v.string() })),
  message: v.optional(v.nullable(v.string())),
  errors: v.optional(v.array(v.object({ message: v.string() }))),
  invalidStepKey: v.optional(v.string()),
  stepKey: v.optional(v.string()),
  invalidOutputName: v.optional(v.string()),
});

export type LaunchAnswer = v.InferOutput<typeof launchAnswer>;

export function readLaunch(answer: LaunchAnswer): Launched {
  if (answer.run !== undefined) return { kind: "launched", run: answer.run };
  return { kind: "refused", why: refusal(answer) };
}

function refusal(answer: LaunchAnswer): string {
  const { __typename: type, errors, invalidStepKey, stepKey, invalidOutputName } = answer;
  const message = firstLine(answer.message ?? "");
  switch (type) {
    case "UnauthorizedError":
      return `these credentials may not launch re-executions, or the web server is read-only${said(message)}`;
    case "RunConfigValidationInvalid":
    case "PipelineConfigValidationInvalid":
      return `the run's configuration does not fit the job as its code is now: ${listOf(errors)}`;
    case "PipelineNotFoundError":
      return `its job is in no code location that is loaded now${said(message)}`;
    case "RunConflict":
    case "PipelineRunConflict":
      return `another run prevents it${said(message)}`;
    case "ConflictingExecutionParamsError":
      return `its parameters contradict each other${said(message)}`;
    case "InvalidSubsetError":
      return `its steps or assets cannot be chosen any more, or none is left to execute${said(message)}`;
    case "InvalidStepError":
      return `the job has no step ${invalidStepKey} any more`;
    case "InvalidOutputError":
      return `the step ${stepKey} has no output ${invalidOutputName} any more`;
    case "PresetNotFoundError":
    case "NoModeProvidedError":
      return `the job has changed since it ran${said(message)}`;
    case "RunNotFoundError":
    case "PipelineRunNotFoundError":
      return `Dagster knows no such run${said(message)}`;
    case "PythonError":
      return `Dagster failed${said(message)}`;
    default:
      return `Dagster answers ${type}${said(message)}`;
  }
}

function said(message: string): string {
  return message === "" ? "" : `: ${message}`;
}

const LONGEST_LINE = 500;

/** Dagster puts a whole stack into some messages. */
function firstLine(text: string): string {
  return shortened(text.trim().split("\n", 1)[0] ?? "", LONGEST_LINE);
}

const SHOWN_ERRORS = 3;

function listOf(errors: LaunchAnswer["errors"] = []): string {
  const shown = errors.slice(0, SHOWN_ERRORS).map(({ message }) => firstLine(message));
  const more = errors.length > SHOWN_ERRORS ? [`and ${errors.length - SHOWN_ERRORS} more`] : [];
  return [...shown, ...more].join("; ");
}
