#!/usr/bin/env node
// @ts-check
/**
 * The device's side of an enrollment over EST (RFC 7030), with Node.js 18 or later and nothing else. ../README.md shows it at
 * work. Exit codes: 0 done; 1 refused, or wrong; 2 wrong usage; 75 not now (no network, or a person has yet to decide).
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { publish } from './broker.mjs';
import { encodeSubject, makeRequest } from './certificate-request.mjs';
import { certificatesOf, endpointsIn, fingerprintOf, namesOf, pathTo } from './certificates.mjs';
import { ask, NotNow, sentenceOf, untilAnswered } from './est.mjs';
import { makeShownCode } from './shown-code.mjs';
import { State } from './state.mjs';

const usage = `usage: est-device.mjs [-d DIRECTORY] COMMAND
  pair < QR-TEXT                      take server, code and fingerprint of the root from a pairing URI, and trust that root
  trust URL FINGERPRINT|ROOT.pem      the same without a code: SHA-256 of the root certificate in hexadecimal, or the root
  enroll [-s SUBJECT] [-u USER -p FILE] [-c CHAIN.pem -k KEY.pem] [-w SECONDS]
                                      ask for a certificate: with what \`pair\` took, with a user name and the password in a
                                      file (- is standard input), with a factory certificate, or with none of them
  renew [-f] [-w SECONDS]             renew the certificate once two thirds of its time are over; -f: now
  code                                make a code that the device can show, for a person to type who confirms it
  show                                whose certificate it is, until when it is valid, and the endpoints in it
  connect                             connect to the first endpoint that accepts the certificate, and print it
  publish TOPIC TEXT                  publish there
`;

/** @typedef {import('./est.mjs').Credentials} Credentials */

class WrongUsage extends Error {}

const arc = process.env.EST_ENDPOINT_ARC ?? '2.25.167961711462897340840238540640387591537';
const print = (/** @type {string} */ line) => process.stdout.write(`${line}\n`);
const tell = (/** @type {string} */ line) => process.stderr.write(`est-device: ${line}\n`);

const server =
  /^https:\/\/([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?\/\.well-known\/est(\/[A-Za-z0-9._-]{1,63})?$/;
const pairing =
  /^est\+pair:\/\/([^?#@]+)\?d=([A-Za-z0-9._%-]+)&c=([A-Za-z0-9*~$=]+)&f=([A-Za-z0-9_-]{43})$/;

/** @param {string} url */
function checkServer(url) {
  if (!server.test(url))
    throw new Error(
      'A server is given as https://HOST:PORT/.well-known/est/LABEL; port and label can be left out.',
    );
  return url;
}

/**
 * RFC 7030 section 4.1.1: from an answer that nobody vouches for, the one certificate of the fingerprint, and nothing else.
 * @param {string} url
 * @param {Buffer} fingerprint
 */
async function fetchRoot(url, fingerprint) {
  const answer = await ask(`${url}/cacerts`, undefined, {});
  if (answer.status !== 200) throw new Error(`Refused with ${sentenceOf(answer)}`);
  const root = certificatesOf(answer.body).find((each) => fingerprintOf(each).equals(fingerprint));
  if (!root)
    throw new Error(
      `${url} shows no root certificate with the fingerprint ${fingerprint.toString('hex')}: it is not the server that was meant.`,
    );
  return root.toString();
}

/**
 * What the CA is made of today, on a connection that the root vouches for.
 * @param {string} url
 * @param {string} root PEM
 */
async function fetchAuthorities(url, root) {
  const answer = await ask(`${url}/cacerts`, root, {});
  if (answer.status !== 200) throw new Error(`Refused with ${sentenceOf(answer)}`);
  const all = certificatesOf(answer.body);
  const anchor = new X509Certificate(root);
  return all.filter((each) => pathTo(each, anchor, all));
}

/**
 * @param {State} state
 * @param {string} url
 * @param {string} root PEM
 */
async function keepTrust(state, url, root) {
  const authorities = await fetchAuthorities(url, root);
  state.write('root.pem', root);
  state.write('cacerts.pem', authorities.join(''));
  state.write('server', `${url}\n`);
  tell(`${url} is trusted by its root; enroll next.`);
}

/** @param {State} state */
async function pair(state) {
  const [, at = '', device = '', code = '', fingerprint = ''] =
    pairing.exec(firstLine(readFileSync(0, 'utf8').slice(0, 600))) ?? [];
  if (!at)
    throw new Error(
      'This is no pairing URI: est+pair://HOST/.well-known/est/LABEL?d=...&c=...&f=...',
    );
  const url = checkServer(`https://${at}`);
  const root = await fetchRoot(url, Buffer.from(fingerprint, 'base64url'));
  await keepTrust(state, url, root);
  state.write('credential', `${decodeURIComponent(device)}\n${code}\n`);
}

/**
 * @param {State} state
 * @param {string[]} given
 */
async function trust(state, [url = '', by = '', ...more]) {
  if (!by || more.length > 0) throw new WrongUsage();
  checkServer(url);
  const hex = by.replaceAll(':', '');
  const root = /^[0-9a-f]{64}$/i.test(hex)
    ? await fetchRoot(url, Buffer.from(hex, 'hex'))
    : new X509Certificate(readFileSync(by)).toString();
  await keepTrust(state, url, root);
}

/** @param {string} text */
const firstLine = (text) => text.split(/\r?\n/, 1)[0] ?? '';

/**
 * @param {State} state
 * @param {Options} options
 * @returns {Credentials}
 */
function credentialsIn(state, { u: user = '', p: file, c: chain, k: key }) {
  const certificate = chain === undefined ? undefined : readFileSync(chain, 'utf8');
  const factory = certificate
    ? { certificate, key: key === undefined ? certificate : readFileSync(key, 'utf8') }
    : {};
  if (file !== undefined)
    return { ...factory, user, password: firstLine(readFileSync(file === '-' ? 0 : file, 'utf8')) };
  const known = certificate === undefined ? state.read('credential') : undefined;
  if (known === undefined) return factory;
  const [device = '', code = ''] = known.split('\n');
  return { user: device, password: code };
}

/**
 * Asks for a certificate for the pending key, and takes it into use once it is known to be good: until then all stays as it
 * was.
 * @param {State} state
 * @param {string} operation
 * @param {Credentials} credentials
 * @param {{ subject: Uint8Array, extensions?: Uint8Array[] }} names
 * @param {Options} options
 */
async function obtain(state, operation, credentials, names, options) {
  const url = state
    .require('server', `${state.directory} knows no server yet: see pair and trust.`)
    .trim();
  const root = state.require('root.pem', 'There is no root to trust: see pair and trust.');
  // Who enrolls again does so with the key that it is known by: it may be all that the server knows it by.
  const held = operation === 'simpleenroll' ? state.read('device.pem') : undefined;
  const key = createPrivateKey(held ?? state.pendingKey());
  const request = makeRequest(key, names.subject, names.extensions);
  const seconds = Number(options.w ?? 3600);
  if (!(seconds >= 0)) throw new WrongUsage();
  const send = () => ask(`${url}/${operation}`, root, credentials, request);
  const answer = await untilAnswered(send, seconds, tell);
  const leaf = certificatesOf(answer.body).find((each) => each.checkPrivateKey(key));
  if (!leaf) throw new Error('The answer holds no certificate for the key of this device.');
  const authorities = await fetchAuthorities(url, root);
  const between = pathTo(leaf, new X509Certificate(root), authorities);
  if (!between)
    throw new Error('The new certificate is not one to use: the root does not vouch for it today.');
  state.write('cacerts.pem', authorities.join(''));
  state.write(
    'device.pem',
    [leaf, ...between, key.export({ type: 'pkcs8', format: 'pem' })].join(''),
  );
  state.remove('pending.key');
  state.remove('credential');
  show(state);
}

/**
 * @param {State} state
 * @param {string[]} _
 * @param {Options} options
 */
async function enroll(state, _, options) {
  const subject = encodeSubject(options.s ?? '');
  await obtain(state, 'simpleenroll', credentialsIn(state, options), { subject }, options);
}

/**
 * @param {State} state
 * @param {string[]} _
 * @param {Options} options
 */
async function renew(state, _, options) {
  const { pem, certificate } = state.certificate();
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (!options.f && (to - Date.now()) * 3 > to - from) return;
  await obtain(state, 'simplereenroll', { certificate: pem }, namesOf(certificate), options);
}

/** @param {State} state */
function show(state) {
  const { certificate } = state.certificate();
  print(`subject=${certificate.subject?.replaceAll('\n', ', ') ?? ''}`);
  print(`notAfter=${certificate.validTo}`);
  for (const endpoint of endpointsIn(certificate, arc)) print(`endpoint=${endpoint}`);
}

/**
 * @param {State} state
 * @param {{ topic: string, text: string }} [message]
 */
async function reach(state, message) {
  const { pem, certificate } = state.certificate();
  const root = state.require('root.pem', 'There is no root to trust: see pair and trust.');
  const endpoints = endpointsIn(certificate, arc);
  if (endpoints.length === 0) throw new Error('The certificate names no endpoint.');
  for (const endpoint of endpoints)
    try {
      await publish(endpoint, { root, device: pem }, message);
      return print(endpoint);
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error));
    }
  throw new NotNow('No endpoint accepts it.');
}

/** @typedef {{ d?: string, s?: string, u?: string, p?: string, c?: string, k?: string, w?: string, f?: boolean }} Options */

/** @type {Record<string, (state: State, given: string[], options: Options) => unknown>} */
const commands = {
  pair,
  trust,
  code: () => print(makeShownCode()),
  enroll,
  renew,
  show,
  connect: (state) => reach(state),
  publish: (state, [topic, text, ...more]) => {
    if (topic === undefined || text === undefined || more.length > 0) throw new WrongUsage();
    return reach(state, { topic, text });
  },
};

function parse() {
  const option = /** @type {const} */ ({ type: 'string' });
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        ...Object.fromEntries([...'dsupckw'].map((short) => [short, { ...option, short }])),
        f: { type: 'boolean', short: 'f' },
      },
    });
  } catch (cause) {
    throw new WrongUsage('', { cause });
  }
}

try {
  const { values, positionals } = parse();
  const options = /** @type {Options} */ (values);
  const [name = '', ...given] = positionals;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new WrongUsage();
  await command(new State(options.d ?? process.env.EST_DEVICE_DIR ?? 'device'), given, options);
} catch (error) {
  if (error instanceof WrongUsage) process.stderr.write(usage);
  else tell(error instanceof Error ? error.message : String(error));
  process.exitCode = error instanceof WrongUsage ? 2 : error instanceof NotNow ? 75 : 1;
}
