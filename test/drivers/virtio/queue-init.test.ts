import { describe, expect, it } from 'vitest';
import { type RingOptions, receiver, transmitter } from './ring-set-up.ts';

/** As without VERSION_1 and ANY_LAYOUT. */
const LEGACY: RingOptions = { headerBytes: 10, separateHeader: true };

describe.each([
  ['receive', receiver],
  ['transmit', transmitter],
] as const)('a %s queue for headers in descriptors of their own', (_, create) => {
  it.each([
    ['packed rings', /^RING_PACKED takes VERSION_1/, { kind: 'packed' }],
    ['packed rings in order', /^RING_PACKED takes VERSION_1/, { kind: 'packed', inOrder: true }],
    ['split rings in order', /^IN_ORDER takes VERSION_1/, { kind: 'split', inOrder: true }],
    ['split rings with mergeable buffers', /^MRG_RXBUF takes VERSION_1/, { mergeable: true }],
    ['split rings with received checksums', /^GUEST_CSUM takes VERSION_1/, { receiveChecksum: true }],
  ] as [string, RegExp, RingOptions][])('is not made on %s', (__, message, options) => {
    const expected = expect.objectContaining({
      code: 'ERR_DEVICE_UNSUPPORTED',
      message: expect.stringMatching(message),
    });
    expect(() => create({ ...LEGACY, ...options })).toThrow(expected);
  });

  it('is made on split rings', () => {
    expect(create(LEGACY).broken).toEqual([]);
  });
});
