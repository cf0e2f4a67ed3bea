const vector = 'speaks about an example of an RFC, not about a server';

/** Rows of /serverkeygen, /csrattrs and /fullcmc that this suite leaves out, and why. */
export const notTestedOperations: Readonly<Record<string, string>> = {
  'SKG-26': 'where a key is made and whether it is wiped is not visible from outside',
  'ATT-22': 'needs a label whose requests must have a subjectAltName that is given in part',
  'ATT-24': vector,
  'ATT-25': 'permits to ignore an older form and demands nothing',
  'ATT-27': 'concerns a registrar of BRSKI',
  'CMC-13': 'which keys may not be used again is a choice of policy',
  'CMC-17': 'permits a control for trust anchors and demands nothing',
  'CMC-19': 'speaks about drafts that are no standards yet',
};
