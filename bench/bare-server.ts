/**
 * The reference: a node:https server that answers 2 KB and does nothing else.
 * Arguments: PEM file of the chain, PEM file of the key. Prints its port.
 */

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

const [chain = '', key = ''] = process.argv.slice(2);
const body = Buffer.alloc(2048, 'x');
const server = createServer(
  { cert: readFileSync(chain), key: readFileSync(key) },
  (request, response) => {
    request.resume();
    response.writeHead(200, { 'Content-Length': body.length }).end(body);
  },
);
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
