// The server as a process of its own, for tests in another language: prints `{"endpoint": …}` once
// it listens, and ends with its stdin.
import process from "node:process";
import { startSqsServer } from "./http.ts";

const server = await startSqsServer();
process.stdout.write(`${JSON.stringify({ endpoint: server.endpoint })}\n`);
process.stdin.resume();
process.stdin.once("end", () => void server.stop());
