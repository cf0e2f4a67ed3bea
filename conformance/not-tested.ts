import { notTestedOperations } from './not-tested-operations.ts';

/** The rows that this suite leaves out, and why: together with requirements/ they are the whole list. */
export const notTested: Readonly<Record<string, string>> = {
  'AUTH-15': 'needs the log of the server and its comparison of secrets',
  'CAC-14':
    'speaks about the examples of RFC 7030 appendix A, not about a server; CAC-10 has the visible part',
  'ENR-20': 'needs the server to be killed between signing and recording',
  'RSP-12': 'needs the time that a request may wait for a person to pass: hours or days',
  'RSP-13': 'needs the signing device or the certification authority to be stopped',
  'RSP-18': 'permits two headers and demands nothing',
  'POP-16':
    'speaks about a server behind a proxy that ends TLS, which looks like one that has linking off',
  'POP-18': 'needs the record that the server keeps of an enrollment',
  'POP-19': 'needs the comparison of channel bindings in the server',
  'ALT-07': 'needs the database of the server',
  ...notTestedOperations,
  'ROL-08': 'needs a certificate that was issued before the root changed its key',
};
