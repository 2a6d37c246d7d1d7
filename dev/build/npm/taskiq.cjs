#!/usr/bin/env node
// The npm package's command. It must parse on every Node from 12 on: the worker itself parses on new ones only.
const oldest = "OLDEST_NODE";
const { node } = process.versions;

function isOlder(found, wanted) {
  const [major, minor] = found.split(".").map(Number);
  const [wantedMajor, wantedMinor] = wanted.split(".").map(Number);
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}

if (isOlder(node, oldest)) {
  process.stderr.write(`taskiq needs Node ${oldest} or newer, and this is Node ${node} (${process.execPath})\n`);
  process.exitCode = 2;
} else {
  void import("./taskiq.mjs");
}
