import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeWriteMulti,
  deviceInfo,
  dmaAccess,
  dmaMap,
  dmaUnmap,
  irqInfo,
  irqSet,
  type Payload,
  regionAccess,
  regionInfo,
} from '../../../src/pci/vfio-user/payloads.ts';
import { COMMAND, commandName, decodeHeader, encodeMessage } from '../../../src/pci/vfio-user/protocol.ts';
import { decodeVersion, encodeVersion } from '../../../src/pci/vfio-user/version.ts';
import { encodeWriteMulti } from '../../emulation/vfio-user/messages.ts';

const malformed = expect.objectContaining({ code: 'ERR_BAD_PACKET' });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('headers', () => {
  it('lie in memory as the protocol has them', () => {
    const message = encodeMessage(
      { id: 0x1234, command: COMMAND.REGION_READ, flags: 1, error: 22 },
      new Uint8Array([7]),
    );
    expect(hex(message)).toBe('3412' + '0900' + '11000000' + '01000000' + '16000000' + '07');
    expect(decodeHeader(message)).toEqual({ id: 0x1234, command: 9, payloadBytes: 1, flags: 1, error: 22 });
  });

  it.each([
    ['smaller than itself', 15, 0],
    ['of 0 bytes', 0, 0],
    ['larger than any message', 0x20_0000, 0],
    ['of the largest number', 0xffff_ffff, 0],
    ['of no type', 16, 2],
  ])('of a message %s are refused', (_, size, flags) => {
    const bytes = encodeMessage({ id: 0, command: COMMAND.RESET, flags, error: 0 }, new Uint8Array(0));
    new DataView(bytes.buffer).setUint32(4, size, true);
    expect(() => decodeHeader(bytes)).toThrow(malformed);
    expect(() => decodeHeader(bytes)).toThrow(/^RESET: /);
  });

  it('name commands, also those that are none', () => {
    expect([commandName(2), commandName(200)]).toEqual(['DMA_MAP', 'command 200']);
  });
});

describe('payloads', () => {
  it('lie in memory as the protocol has them', () => {
    expect(hex(dmaMap.encode({ argsz: 32, flags: 3, offset: 0x1000, address: 2 ** 40, size: 0x2000 }))).toBe(
      '20000000' + '03000000' + '0010000000000000' + '0000000000010000' + '0020000000000000',
    );
    expect(hex(regionAccess.encode({ offset: 0x5400, region: 7, count: 2 }, new Uint8Array([1, 2])))).toBe(
      '0054000000000000' + '07000000' + '02000000' + '0102',
    );
    expect(
      [dmaMap, dmaUnmap, deviceInfo, regionInfo, irqInfo, irqSet, regionAccess, dmaAccess].map(({ size }) => size),
    ).toEqual([32, 24, 16, 32, 16, 20, 16, 16]);
  });

  const exact = [dmaMap, dmaUnmap, deviceInfo, irqInfo] as unknown as Payload<{ a: 'u8' }>[];
  const open = [regionInfo, irqSet, regionAccess, dmaAccess] as unknown as Payload<{ a: 'u8' }>[];

  it('of a wrong length are refused', () => {
    for (const payload of [...exact, ...open]) {
      for (let length = 0; length < payload.size; length++) {
        expect(() => payload.decode(new Uint8Array(length))).toThrow(malformed);
      }
      payload.decode(new Uint8Array(payload.size));
    }
    for (const payload of exact) expect(() => payload.decode(new Uint8Array(payload.size + 1))).toThrow(malformed);
    for (const payload of open) {
      const longer = new Uint8Array(payload.size + 3);
      payload.decode(longer);
      expect(payload.data(longer, 3)).toHaveLength(3);
      for (const wrong of [0, 2, 4, 2 ** 40]) expect(() => payload.data(longer, wrong)).toThrow(malformed);
    }
  });

  it('with numbers that JavaScript does not have are refused', () => {
    const bytes = dmaMap.encode({});
    new DataView(bytes.buffer).setBigUint64(16, 2n ** 53n, true);
    expect(() => dmaMap.decode(bytes)).toThrow('DMA_MAP: address must be below 2^53, found 0x20000000000000');
  });

  it('of many writes come back as they went', () => {
    const write = fc.record({
      offset: fc.nat(),
      region: fc.nat(8),
      data: fc.uint8Array({ minLength: 0, maxLength: 8 }),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 20 }), (writes) => {
        expect(decodeWriteMulti(encodeWriteMulti(writes))).toEqual(writes);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('of many writes with a wrong count, or a write too long, are refused', () => {
    const bytes = encodeWriteMulti([{ offset: 0, region: 0, data: new Uint8Array(4) }]);
    const view = new DataView(bytes.buffer);
    for (const count of [0n, 2n, 2n ** 40n, 2n ** 64n - 1n]) {
      view.setBigUint64(0, count, true);
      expect(() => decodeWriteMulti(bytes)).toThrow(malformed);
    }
    view.setBigUint64(0, 1n, true);
    view.setUint32(20, 9, true);
    expect(() => decodeWriteMulti(bytes)).toThrow('WRITE_MULTI: one write has up to 8 bytes, found 9');
  });
});

describe('versions', () => {
  const numbers = [0, 0, 1, 0];
  const text = (json: string): Uint8Array => new Uint8Array([...numbers, ...Buffer.from(json)]);

  it('come back as they went', () => {
    for (const doorbells of [false, true]) {
      const version = { major: 0, minor: 1, maximumDescriptors: 8, maximumTransfer: 4096, doorbells };
      expect(decodeVersion(encodeVersion(version))).toEqual(version);
    }
  });

  it('stand for the least where nothing is said', () => {
    const least = { major: 0, minor: 1, maximumDescriptors: 1, maximumTransfer: 1 << 20, doorbells: false };
    expect(decodeVersion(new Uint8Array(numbers))).toEqual(least);
    expect(decodeVersion(text('{}\0'))).toEqual(least);
    expect(decodeVersion(text('{"capabilities":{"migration":{"pgsize":4096}}}\0'))).toEqual(least);
  });

  it.each([
    '{}',
    '{\0',
    '[]\0',
    'null\0',
    '{"capabilities":3}\0',
    '{"capabilities":{"max_msg_fds":"8"}}\0',
    '{"capabilities":{"ixy_doorbells":1}}\0',
    '\0',
  ])('%j are refused', (json) => expect(() => decodeVersion(text(json))).toThrow(malformed));

  it('too short are refused', () => expect(() => decodeVersion(new Uint8Array(3))).toThrow(malformed));
});
