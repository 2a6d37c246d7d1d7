// The version of what is running.

/** Replaced when the bundle is built; not there when the sources run as they are. */
declare const TASKIQ_VERSION: string | undefined;

export const version = typeof TASKIQ_VERSION === "string" ? TASKIQ_VERSION : "0.0.0-source";
