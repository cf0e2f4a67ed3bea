/** Where the time of an enrollment goes: each stage alone, one after another, on the real parts. */

import { deviceProfile } from '../ca/certificate-profile.ts';
import { digestOf, parseCertificateRequest } from '../ca/certificate-request.ts';
import { readCertificationAuthority, requireActive } from '../ca/certification-authority.ts';
import { checkCertificate } from '../ca/check-certificate.ts';
import { CertificateComposer } from '../ca/compose-certificate.ts';
import { makeSerialNumber } from '../ca/serial-number.ts';
import { signStructure } from '../ca/sign-structure.ts';
import { noRules } from '../enrollment/allocation/allocate.ts';
import type { Caller } from '../enrollment/authenticator.ts';
import { authorize } from '../enrollment/authorize.ts';
import { decideEnrollment } from '../enrollment/policy.ts';
import { connectSigner } from '../hsm/signer-connection.ts';
import { superviseSigner } from '../hsm/signer-supervisor.ts';
import { loadConfig } from '../server/config.ts';
import { dataPaths } from '../server/data-directory.ts';
import { certsOnly, encodeBody } from '../server/est/messages.ts';
import { openStoresInThread } from '../storage/stores-in-thread.ts';
import { makeRequest } from './prepare.ts';

const rounds = 500;

class Stopwatch {
  readonly #spent = new Map<string, number>();

  async time<T>(stage: string, work: () => T | Promise<T>): Promise<T> {
    const began = performance.now();
    const result = await work();
    this.#spent.set(stage, (this.#spent.get(stage) ?? 0) + performance.now() - began);
    return result;
  }

  report(say: (text: string) => void): void {
    say(`one enrollment after another, mean of ${rounds}, without TLS and HTTP:`);
    for (const [stage, ms] of this.#spent)
      say(`  ${stage.padEnd(24)} ${((ms / rounds) * 1000).toFixed(0).padStart(6)} µs`);
  }
}

export async function measureStages(data: string, say: (text: string) => void): Promise<void> {
  const config = loadConfig(data);
  const stores = await openStoresInThread(config.storage, config.est.failures, (error) => {
    throw error;
  });
  const key = requireActive(readCertificationAuthority(await stores.caState.load()));
  const { issuing } = key.chain;
  const token = config.tokens[key.token];
  if (!token) throw new Error(`There is no token ${key.token}.`);
  const { label, publicKey, algorithm } = key;
  const supervisor = await superviseSigner(token, {
    keys: [{ label, publicKey, algorithm, certificate: dataPaths(data).issuing }],
    pinRefused: dataPaths(data).pinRefused(key.token),
    log: () => undefined,
  });
  const signer = connectSigner({ socketPath: supervisor.socketPath, publicKey, algorithm });
  const profile = deviceProfile(config.profiles.device, config.endpointArc);
  const composer = new CertificateComposer(profile, { ...issuing, algorithm: signer.algorithm });
  await stores.devices.add(
    { id: 'bench-stages', tenant: 'default', names: [] },
    'bench',
    new Date(),
  );
  const known = await stores.devices.find('bench-stages');
  if (!known) throw new Error('The device for the stages is missing.');
  const caller: Caller = { ...known, credential: { kind: 'client-certificate', id: 'bench' } };
  const ders = Array.from({ length: rounds + 50 }, () => makeRequest('bench-stages'));
  let watch = new Stopwatch();

  for (const [round, der] of ders.entries()) {
    if (round === 50) watch = new Stopwatch();
    const request = await watch.time('parse and prove', () => parseCertificateRequest(der));
    const now = new Date();
    const serialNumber = makeSerialNumber(1);
    const { toBeSigned } = await watch.time('decide and compose', () => {
      const decided = decideEnrollment({
        request,
        authorized: authorize({
          operation: 'enroll',
          caller,
          called: undefined,
          profile,
          issuer: { name: known.group.settings.issuer },
        }),
        linking: 'absent',
        allocation: noRules,
        source: '192.0.2.1',
        requestId: 'bench',
      });
      const validity = { notBefore: now, notAfter: new Date(now.getTime() + 86_400_000) };
      return { toBeSigned: composer.compose(decided, serialNumber, validity) };
    });
    await watch.time('store the intent', () =>
      stores.ledger.recordIntent({
        issuer: issuing.id,
        serialNumber,
        toBeSigned,
        publicKeyDigest: request.publicKeyDigest,
        requestDigest: digestOf(der),
        profile: profile.name,
        subscriber: 'bench-stages',
        credential: { kind: 'operator', id: 'bench' },
        notBefore: now,
        notAfter: now,
        requestId: 'bench',
        recordedAt: now,
      }),
    );
    const certificate = await watch.time('sign and verify', () =>
      signStructure(toBeSigned, signer),
    );
    await watch.time('re-read and compare', () =>
      checkCertificate(
        certificate,
        { toBeSigned, serialNumber, publicKey: request.publicKey },
        issuing,
      ),
    );
    await watch.time('store the certificate', () =>
      stores.ledger.recordCertificate(
        { issuer: issuing.id, serialNumber },
        certificate,
        now,
        'bench',
      ),
    );
    await watch.time('encode the answer', () => encodeBody(certsOnly([certificate]), {}));
  }
  watch.report(say);
  signer.close();
  await supervisor.stop();
  await stores.close();
}
