import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readDer, tags } from './der.ts';
import { encodeName, readName } from './distinguished-name.ts';
import { renderSubject, type SubjectTemplate } from './subject-template.ts';

const values = {
  device: 'pump-1',
  serial: undefined,
  tenant: 'acme',
  'context.Gear-box_2.no': 'G12',
};

describe('subjects from templates', () => {
  const made: [what: string, template: SubjectTemplate, subject: string][] = [
    [
      'in the order written',
      [
        { type: 'organizationName', text: 'Acme' },
        { type: 'commonName', text: '{device}' },
      ],
      'organizationName=Acme, commonName=pump-1',
    ],
    [
      'several values',
      [{ type: 'commonName', text: '{tenant}/{device}' }],
      'commonName=acme/pump-1',
    ],
    [
      'without what there is not',
      [
        { type: 'commonName', text: '{device}' },
        { type: 'serialNumber', text: 'S{serial?}' },
      ],
      'commonName=pump-1',
    ],
    [
      'names of a family, with all that such a name may have',
      [
        { type: 'commonName', text: '{context.Gear-box_2.no}' },
        { type: 'localityName', text: '{context.hall?}' },
      ],
      'commonName=G12',
    ],
  ];
  for (const [what, template, subject] of made)
    test(what, () => {
      const rendered = renderSubject(template, values);
      assert.equal(rendered.map(({ type, text }) => `${type}=${text}`).join(', '), subject);
      assert.deepEqual(readName(readDer(encodeName(rendered))), rendered);
    });

  const refused: [what: string, template: SubjectTemplate, says: RegExp][] = [
    ['a value that is not there', [{ type: 'serialNumber', text: '{serial}' }], /there is none/],
    [
      'a value that is too long',
      [{ type: 'commonName', text: `${'x'.repeat(60)}{device}` }],
      /1 to 64/,
    ],
    [
      'a value that its string type cannot hold',
      [{ type: 'serialNumber', text: '{odd}' }],
      /cannot have/,
    ],
  ];
  for (const [what, template, says] of refused)
    test(`${what} is refused`, () =>
      assert.throws(() => renderSubject(template, { ...values, odd: 'a_b' }), {
        name: 'TypeError',
        message: says,
      }));
});

test('each attribute in its own string type (RFC 5280 appendix A.1)', () => {
  const types = {
    commonName: tags.utf8String,
    countryName: tags.printableString,
    serialNumber: tags.printableString,
    dnQualifier: tags.printableString,
    domainComponent: tags.ia5String,
    localityName: tags.utf8String,
  } as const;
  for (const [type, tag] of Object.entries(types)) {
    const rdn = readDer(encodeName([{ type, text: 'DE' }])).children[0];
    assert.equal(rdn?.children[0]?.children[1]?.tag, tag, type);
  }
  assert.throws(() => encodeName([{ type: 'keyUsage', text: 'x' }]), TypeError);
});
