/*
 * node:http and the router of koa, loaded by `require`. An `import` of node:http, which the router's own ES module
 * makes too, reads every export of it, and one of them loads undici: 17 MB and 30 ms for a client that nobody uses here.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const { createServer } = require('node:http') as typeof import('node:http');
export const { Router } = require('@koa/router') as typeof import('@koa/router');
