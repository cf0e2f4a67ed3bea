const channelBinding = 'channel binding is not covered yet';
const thirdParty = 'needs a client certificate of a third-party authority that the server trusts';
const approval = 'needs a profile with manual approval';
const nameChange = 'the changeSubjectName attribute is not covered yet';
const optional = 'the optional operation is not covered yet';

/** The rows that this suite leaves out, and why: together with requirements/ they are the whole list. */
export const notTested: Readonly<Record<string, string>> = {
  'TLS-16': thirdParty,
  'TLS-17': thirdParty,
  'AUTH-01':
    'which kinds of authentication are demanded is a choice of policy, not visible as right or wrong',
  'AUTH-07': 'Digest authentication is not covered',
  'AUTH-08': 'Digest authentication is not covered',
  'AUTH-15': 'needs the log of the server and its comparison of secrets',
  'ENC-16': optional,
  'ENC-17': optional,
  'ENC-18': optional,
  'ENC-19': optional,
  'CAC-14':
    'speaks about the examples of RFC 7030 appendix A, not about a server; CAC-10 has the visible part',
  'ENR-05': channelBinding,
  'ENR-06': thirdParty,
  'ENR-20': 'needs the server to be killed between signing and recording',
  'REN-07': nameChange,
  'REN-08': nameChange,
  'REN-09': nameChange,
  'REN-10': nameChange,
  'REN-11': nameChange,
  'REN-16': thirdParty,
  'RSP-07': approval,
  'RSP-08': approval,
  'RSP-09': approval,
  'RSP-10': approval,
  'RSP-11': approval,
  'RSP-12': approval,
  'RSP-13': 'needs the signing device or the certification authority to be stopped',
  'RSP-14': channelBinding,
  'RSP-18': 'permits two headers and demands nothing',
};
