// Of undici, what it takes to ask one server, by way of a proxy or not. Its main module has all the
// rest with it (fetch, WebSocket, caches, mocks): a fifth of the bundle, which every command, the
// health check too, would have to read.
import api from "undici/lib/api/index.js";
import errors from "undici/lib/core/errors.js";
import Dispatcher from "undici/lib/dispatcher/dispatcher.js";
import EnvHttpProxyAgent from "undici/lib/dispatcher/env-http-proxy-agent.js";

// What the main module does, too: a dispatcher has none of its methods for users by itself.
Object.assign(Dispatcher.prototype, api);

export { EnvHttpProxyAgent, errors };
