// The version of what is running, and the sources that it was built from.

/** Replaced when the bundle is built; not there when the sources run as they are. */
declare const TASKIQ_VERSION: string | undefined;
declare const TASKIQ_ORIGIN: { readonly commit: string | null; readonly sourceDate: string | null } | undefined;

export const version = typeof TASKIQ_VERSION === "string" ? TASKIQ_VERSION : "0.0.0-source";

const origin = typeof TASKIQ_ORIGIN === "object" ? TASKIQ_ORIGIN : { commit: null, sourceDate: null };

/**
 * For `taskiq --version --json`. The date is the commit's, or `SOURCE_DATE_EPOCH`: a build does not
 * depend on when it was made. `null` means that the build did not know.
 */
export const build = { version, commit: origin.commit, source_date: origin.sourceDate };
