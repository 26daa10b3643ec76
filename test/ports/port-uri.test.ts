import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IxyError } from '../../src/errors.ts';
import { formatPortUri, parsePortUri } from '../../src/ports/port-uri.ts';

const plain = (uri: string) => {
  const { scheme, target, parameters } = parsePortUri(uri);
  return { scheme, target, parameters: Object.fromEntries(parameters) };
};

describe('parsePortUri', () => {
  it.each([
    ['0000:03:00.0', 'pci', '0000:03:00.0', {}],
    ['03:00.1', 'pci', '0000:03:00.1', {}],
    ['10AF:1F:1e.7', 'pci', '10af:1f:1e.7', {}],
    ['tap:tap0', 'tap', 'tap0', {}],
    ['TAP:tap0', 'tap', 'tap0', {}],
    ['pcap:/tmp/a b.pcap', 'pcap', '/tmp/a b.pcap', {}],
    ['pcap:what%3F.pcap?mode=read', 'pcap', 'what?.pcap', { mode: 'read' }],
    ['emulated:ixgbe', 'emulated', 'ixgbe', {}],
    [
      'emulated:ixgbe?mac=02:00:00:00:00:01&wire=pcap:in.pcap,out.pcap&loss=1e+3&empty=',
      'emulated',
      'ixgbe',
      { mac: '02:00:00:00:00:01', wire: 'pcap:in.pcap,out.pcap', loss: '1e+3', empty: '' },
    ],
    ['vhost-user:/run/socket', 'vhost-user', '/run/socket', {}],
  ])('%s', (uri, scheme, target, parameters) => {
    expect(plain(uri)).toEqual({ scheme, target, parameters });
  });

  it.each([
    ['', "'' is neither a PCI address ('0000:03:00.0') nor SCHEME:TARGET ('tap:tap0')"],
    ['eth0', "'eth0' is neither a PCI address"],
    ['0000:03:20.0', 'is neither a PCI address'],
    ['0000:03:00.8', 'is neither a PCI address'],
    ['tap:a?', "port 'tap:a?': expected name=value, found ''"],
    ['tap:a?rate', "expected name=value, found 'rate'"],
    ['tap:a?x=1&x=2', "parameter 'x' is given twice"],
    ['tap:a?x=50%', "'50%' has a '%' that is not followed by"],
  ])('refuses %j', (uri, message) => {
    expect(() => parsePortUri(uri)).toThrow(message);
    expect(() => parsePortUri(uri)).toThrow(expect.objectContaining({ code: 'ERR_PORT_URI' }));
  });

  it('makes the same of what formatPortUri wrote', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
    const text = fc.string({ unit: 'grapheme', maxLength: 20 });
    const parameters = fc.uniqueArray(fc.tuple(name, text), { selector: ([key]) => key, maxLength: 4 });
    fc.assert(
      fc.property(name, text, parameters, (scheme, target, pairs) => {
        const uri = { scheme, target, parameters: new Map(pairs) };
        expect(parsePortUri(formatPortUri(uri))).toEqual(uri);
      }),
    );
  });

  it('parses anything, or says why not in one line', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...':?&=%,.a0/-') }), (uri) => {
        try {
          expect(parsePortUri(formatPortUri(parsePortUri(uri)))).toEqual(parsePortUri(uri));
        } catch (error) {
          expect(error).toBeInstanceOf(IxyError);
          expect(String(error)).not.toContain('\n');
        }
      }),
    );
  });
});
