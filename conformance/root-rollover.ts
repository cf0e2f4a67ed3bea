import { X509Certificate } from 'node:crypto';
import type { EstServer } from './est-server.ts';
import { fetchCaCertificates } from './flows.ts';
import { isSelfSigned, publicKeyInfo, subjectName } from './inspect-certificate.ts';
import { openssl } from './openssl.ts';
import { pem } from './self-made-certificates.ts';
import { skip } from './skip.ts';

/** What /cacerts gives while a root has two keys (RFC 4210 section 4.4). */
export interface RootRollover {
  /** By the old key over itself, and so on; the new one is the one that ends last. */
  readonly oldWithOld: X509Certificate;
  readonly oldWithNew: X509Certificate;
  readonly newWithOld: X509Certificate;
  readonly newWithNew: X509Certificate;
  readonly bag: readonly X509Certificate[];
}

const byEnd = (a: X509Certificate, b: X509Certificate) =>
  a.validToDate.getTime() - b.validToDate.getTime();

/** Skips the case where no root has changed its key. */
export async function rootRollover(server: EstServer): Promise<RootRollover> {
  const bag = (await fetchCaCertificates(server)).map((der) => new X509Certificate(der));
  const roots = bag.filter(isSelfSigned);
  const generations = roots.filter((root) => roots.some((other) => isOtherKey(root, other)));
  const [oldWithOld, newWithNew] = generations.toSorted(byEnd).slice(-2);
  if (!oldWithOld || !newWithNew) skip('the root has not changed its key');
  const link = (subject: X509Certificate, issuer: X509Certificate) => {
    const found = bag.find(
      (each) =>
        publicKeyInfo(each).equals(publicKeyInfo(subject)) &&
        !isSelfSigned(each) &&
        each.verify(issuer.publicKey),
    );
    if (!found)
      throw new Error('/cacerts does not have both certificates of one root by the other');
    return found;
  };
  const oldWithNew = link(oldWithOld, newWithNew);
  return { oldWithOld, oldWithNew, newWithOld: link(newWithNew, oldWithOld), newWithNew, bag };
}

function isOtherKey(one: X509Certificate, other: X509Certificate): boolean {
  return (
    subjectName(one).equals(subjectName(other)) && !publicKeyInfo(one).equals(publicKeyInfo(other))
  );
}

export const four = ({ oldWithOld, oldWithNew, newWithOld, newWithNew }: RootRollover) => [
  oldWithOld,
  oldWithNew,
  newWithOld,
  newWithNew,
];

/** What `openssl verify` says against a certificate for who trusts that anchor alone; empty if nothing. */
export async function verifyComplaint(
  certificate: X509Certificate,
  anchor: X509Certificate,
  untrusted: readonly X509Certificate[] = [],
): Promise<string> {
  const files = {
    anchor: pem(anchor.raw),
    certificate: pem(certificate.raw),
    untrusted: untrusted.map(({ raw }) => pem(raw)).join(''),
  };
  const more = untrusted.length > 0 ? ['-untrusted', '{untrusted}'] : [];
  const words = ['verify', '-partial_chain', '-CAfile', '{anchor}', ...more, '{certificate}'];
  const { code, output } = await openssl(words, files);
  return code === 0 ? '' : output || `openssl verify ended with ${code}`;
}
