// @ts-check
/**
 * All that the device knows: files in one directory, for its owner alone; the same ones as the shell client's.
 * device.pem holds certificate, chain and key together, so that one rename replaces them: there is no moment at which key
 * and certificate do not fit.
 */

import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';

/** @typedef {'server' | 'root.pem' | 'cacerts.pem' | 'credential' | 'pending.key' | 'device.pem'} Name */

export class State {
  /** @param {string} directory */
  constructor(directory) {
    this.directory = directory;
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** @param {Name} name */
  read(name) {
    try {
      return fs.readFileSync(join(this.directory, name), 'utf8');
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /**
   * @param {Name} name
   * @param {string} otherwise what to say where it is not there
   */
  require(name, otherwise) {
    const text = this.read(name);
    if (text === undefined) throw new Error(otherwise);
    return text;
  }

  /**
   * Whole or not at all, also when the power goes.
   * @param {Name} name
   * @param {string} text
   */
  write(name, text) {
    fs.renameSync(this.#temporary(name, text), join(this.directory, name));
  }

  /** The key that has no certificate yet, PEM: the first of two that run at once makes it, and the other takes the same. */
  pendingKey() {
    const known = this.read('pending.key');
    if (known !== undefined) return known;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const made = this.#temporary('pending.key', pem);
    try {
      fs.linkSync(made, join(this.directory, 'pending.key'));
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    } finally {
      fs.rmSync(made);
    }
    return this.require('pending.key', 'The key is gone.');
  }

  /** The certificate in use, and what is sent with it. */
  certificate() {
    const pem = this.require(
      'device.pem',
      `${this.directory} holds no certificate yet: see enroll.`,
    );
    return { pem, certificate: new X509Certificate(pem) };
  }

  /**
   * @param {Name} name
   * @param {string} text
   */
  #temporary(name, text) {
    const file = join(this.directory, `.${name}.${process.pid}`);
    const descriptor = fs.openSync(file, 'w', 0o600);
    fs.writeFileSync(descriptor, text);
    fs.fsyncSync(descriptor);
    fs.closeSync(descriptor);
    return file;
  }

  /** @param {Name} name */
  remove(name) {
    fs.rmSync(join(this.directory, name), { force: true });
  }
}
