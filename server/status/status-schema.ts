/** The `status` stanza of `bestow.yaml`: the listener for relying parties, and the address that certificates give of it. */

import { z } from 'zod';
import { listenSyntax } from '../config-values.ts';

/** http, since who fetches status by https needs the status of that certificate first; and no slash at the end. */
const statusUrlSyntax = /^http:\/\/[a-z0-9.\-[\]:]+(\/[a-z0-9\-._~]+)*$/i;

export const statusSchema = z.strictObject({
  listen: z
    .string()
    .regex(listenSyntax, 'must be HOST:PORT, such as :80')
    .describe(
      'Address of the listener for CRL, CA certificates and OCSP, plain HTTP; without the `status` stanza there is none.',
    ),
  url: z
    .string()
    .max(200)
    .refine(
      (url) => statusUrlSyntax.test(url) && URL.canParse(url),
      'must be an http address without a slash at its end, such as http://pki.example',
    )
    .describe(
      'Where relying parties reach it, such as `http://pki.example`: certificates issued from then on say so.',
    ),
});
