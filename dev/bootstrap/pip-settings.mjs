// Where packages come from is the user's business and stands in pip's settings; uv reads its own.
// This translates.
import { existsSync } from "node:fs";

/** pip's key → uv's environment variable. */
const variables = {
  "index-url": "UV_DEFAULT_INDEX",
  "extra-index-url": "UV_INDEX",
  "find-links": "UV_FIND_LINKS",
  "no-index": "UV_NO_INDEX",
  "trusted-host": "UV_INSECURE_HOST",
  timeout: "UV_HTTP_TIMEOUT",
  "default-timeout": "UV_HTTP_TIMEOUT",
  cert: "SSL_CERT_FILE",
  proxy: "ALL_PROXY",
};

/**
 * @param {string} pipConfig  what `pip config list` prints: lines like `global.index-url='https://…'`, `:env:.cert='…'`
 * @param {(path: string) => boolean} exists
 * @returns {Record<string, string>} environment variables for uv
 */
export function uvEnvironment(pipConfig, exists = existsSync) {
  const settings = parse(pipConfig);
  /** @type {Record<string, string>} */
  const env = { UV_SYSTEM_CERTS: "1" };
  for (const [key, variable] of Object.entries(variables)) {
    const value = settings[key];
    if (value !== undefined) env[variable] = value;
  }
  // pip looks at all indexes alike. uv by default stops at the first that has the name.
  if (env["UV_INDEX"] !== undefined) env["UV_INDEX_STRATEGY"] = "unsafe-best-match";
  // uv is strict about directories that do not exist, pip is not.
  const links = (env["UV_FIND_LINKS"] ?? "").split(/\s+/).filter((link) => link.includes("://") || exists(link));
  if (links.length > 0) env["UV_FIND_LINKS"] = links.join(",");
  else delete env["UV_FIND_LINKS"];
  return env;
}

/**
 * Later lines win, as in pip: environment after files, `install` after `global`.
 *
 * @param {string} pipConfig
 * @returns {Record<string, string>}
 */
function parse(pipConfig) {
  const lines = pipConfig.split("\n").map((line) => /^(global|install|:env:)\.([a-z-]+)='(.*)'$/.exec(line));
  const rank = ["global", "install", ":env:"];
  const known = lines.filter((match) => match !== null);
  known.sort((a, b) => rank.indexOf(a[1] ?? "") - rank.indexOf(b[1] ?? ""));
  return Object.fromEntries(known.map(([, , key, value]) => [key, (value ?? "").replaceAll("\\n", " ").trim()]));
}
