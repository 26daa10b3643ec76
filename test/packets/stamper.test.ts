import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checksumsValid,
  formatIpv6,
  type PacketDescription,
  PacketStack,
  PacketStamper,
  PacketTemplate,
  parseIpv4,
  read16,
  read32,
  SequenceView,
  type StampOptions,
  UdpView,
} from '../../src/packets/index.ts';
import { ethernet, expectError, ipv4, ipv6, ports, SEEDED } from './support.ts';

const stack = new PacketStack();

function isValid(bytes: Uint8Array): boolean {
  return checksumsValid(bytes, stack.parse(bytes, 0, bytes.length));
}

/** Prefills one buffer and stamps it `count` times, with a look at it after each. */
function stampRepeatedly(
  template: PacketTemplate,
  options: StampOptions,
  count: number,
  look: (bytes: Uint8Array, i: number) => void,
): void {
  const stamper = new PacketStamper(template, options);
  const bytes = new Uint8Array(template.size);
  template.write(bytes, 0);
  for (let i = 0; i < count; i++) {
    stamper.stamp(bytes, 0);
    look(bytes, i);
  }
}

describe('PacketStamper', () => {
  it('counts through ranges side by side, each beginning again by itself', () => {
    const template = new PacketTemplate({ size: 60, ethernet, ipv4, udp: ports });
    const options: StampOptions = {
      sourceIp: { first: '10.0.0.254', last: '10.0.1.1' },
      destinationIp: { first: '127.255.255.255', last: '128.0.0.0' },
      sourcePort: { first: 65_533, last: 65_535 },
      destinationPort: { first: 0, last: 65_535, step: 30_000 },
    };
    stampRepeatedly(template, options, 100, (bytes, i) => {
      expect(read32(bytes, 26)).toBe(parseIpv4('10.0.0.254') + (i % 4));
      expect(read32(bytes, 30)).toBe(0x7fff_ffff + (i % 2));
      expect(read16(bytes, 34)).toBe(65_533 + (i % 3));
      expect(read16(bytes, 36)).toBe((i % 3) * 30_000);
      expect(isValid(bytes)).toBe(true);
    });
  });

  it('changes the last 32 bits of IPv6 addresses', () => {
    const template = new PacketTemplate({ size: 80, ethernet, ipv6, udp: ports });
    const options: StampOptions = { sourceIp: { first: '2001:db8::ffff', last: '2001:db8::1:1' }, sequence: true };
    const seen: string[] = [];
    stampRepeatedly(template, options, 4, (bytes) => {
      seen.push(formatIpv6(bytes, 22));
      expect(isValid(bytes)).toBe(true);
    });
    expect(seen).toEqual(['2001:db8::ffff', '2001:db8::1:0', '2001:db8::1:1', '2001:db8::ffff']);
  });

  it('numbers packets through the carry of the low word', () => {
    const template = new PacketTemplate({ size: 60, ethernet, ipv4, udp: ports });
    const stamper = new PacketStamper(template, { sequence: { magic: 0xdead_beef, first: 0xffff_fffe } });
    const bytes = template.bytes.slice();
    const view = new SequenceView().at(bytes, template.layout.payload);
    for (let i = 0; i < 4; i++) {
      expect(stamper.sequence).toBe(0xffff_fffe + i);
      stamper.stamp(bytes, 0);
      expect([view.magic, view.sequence]).toEqual([0xdead_beef, 0xffff_fffe + i]);
      expect(isValid(bytes)).toBe(true);
    }
  });

  it('stores 0xffff where the UDP checksum comes out as 0', () => {
    const template = new PacketTemplate({ size: 60, ethernet, ipv4, udp: ports });
    let zeros = 0;
    // Over all 65536 values of one word, the checksum takes every value; one of them would be 0.
    stampRepeatedly(template, { sourcePort: { first: 0, last: 65_535 } }, 65_536, (bytes) => {
      const { checksum } = new UdpView().at(bytes, 34);
      expect(checksum).not.toBe(0);
      if (checksum === 0xffff) zeros++;
    });
    expect(zeros).toBe(1);
  });

  it('leaves an unused UDP checksum alone', () => {
    const template = new PacketTemplate({ size: 60, ethernet, ipv4, udp: { ...ports, checksum: false } });
    stampRepeatedly(template, { sequence: true, sourceIp: { first: '10.0.0.1', last: '10.0.0.9' } }, 20, (bytes) => {
      expect(new UdpView().at(bytes, 34).checksum).toBe(0);
      expect(isValid(bytes)).toBe(true);
    });
  });

  it('gives exactly the bytes of a template with the same values, whatever stamp the buffer bore before', () => {
    const kinds: [PacketDescription, hasPorts: boolean][] = [
      [{ ethernet, ipv4, udp: ports }, true],
      [{ ethernet, ipv4, tcp: ports }, true],
      [{ ethernet, ipv4, icmp: {} }, false],
      [{ ethernet, vlan: { id: 5 }, ipv4, udp: ports }, true],
    ];
    const address = fc.ipV4();
    const port = fc.nat(65_535);
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.integer({ min: 70, max: 90 }),
        fc.array(fc.tuple(address, address, port, port, fc.maxSafeNat()), { minLength: 1, maxLength: 5 }),
        ([description, hasPorts], size, values) => {
          const template = new PacketTemplate({ ...description, size });
          const buffer = template.bytes.slice();
          for (const [source, destination, sourcePort, destinationPort, first] of values) {
            const one = <Value>(value: Value) => ({ first: value, last: value });
            const addresses = { sourceIp: one(source), destinationIp: one(destination), sequence: { first } };
            const both = { sourcePort: one(sourcePort), destinationPort: one(destinationPort) };
            new PacketStamper(template, hasPorts ? { ...addresses, ...both } : addresses).stamp(buffer, 0);
            const payload = new Uint8Array(12);
            const view = new SequenceView().at(payload, 0);
            view.magic = 0x6978_7921;
            view.sequence = first;
            const { udp, tcp } = description;
            const expected = new PacketTemplate({
              ...description,
              size,
              payload,
              ipv4: { source, destination },
              ...(udp && { udp: { sourcePort, destinationPort } }),
              ...(tcp && { tcp: { sourcePort, destinationPort } }),
            });
            expect(buffer).toEqual(expected.bytes);
          }
        },
      ),
      SEEDED,
    );
  });

  const mistakes: [string, PacketDescription, StampOptions, RegExp][] = [
    [
      'no room',
      { size: 62, ethernet, ipv6, udp: ports },
      { sequence: true },
      /12 bytes of payload, .* has 0; .* to 74/,
    ],
    ['no transport', { ethernet, ipv4 }, { sequence: true }, /needs a UDP, TCP or ICMP header/],
    ['no ports', { ethernet, ipv4, icmp: {} }, { sourcePort: { first: 1, last: 2 } }, /no UDP or TCP header/],
    ['no IP', { ethernet }, { sourceIp: { first: '1.2.3.4', last: '1.2.3.5' } }, /no IP header/],
    ['backwards', { ethernet, ipv4, udp: ports }, { sourcePort: { first: 2, last: 1 } }, /last port must be/],
    [
      'address backwards',
      { ethernet, ipv4 },
      { sourceIp: { first: '2.0.0.0', last: '1.0.0.0' } },
      /last value of a range/,
    ],
    ['step', { ethernet, ipv4, udp: ports }, { sourcePort: { first: 1, last: 2, step: 0 } }, /step of a range/],
    ['IPv6 prefix', { ethernet, ipv6 }, { sourceIp: { first: 'fe80::1', last: 'fe80::2' } }, /last 32 bits/],
    ['wrong version', { ethernet, ipv6 }, { sourceIp: { first: '1.2.3.4', last: '1.2.3.5' } }, /IPv6 address/],
    ['magic', { ethernet, ipv4, udp: ports, size: 60 }, { sequence: { magic: -1 } }, /sequence magic/],
  ];
  it.each(mistakes)('refuses: %s', (_, description, options, message) =>
    expectError('ERR_ARGUMENT', message, () => new PacketStamper(new PacketTemplate(description), options)),
  );

  it('leaves the template as it was', () => {
    const template = new PacketTemplate({ size: 60, ethernet, ipv4, udp: ports });
    const before = template.bytes.slice();
    new PacketStamper(template, { sequence: true, sourcePort: { first: 1, last: 9 } }).stamp(before.slice(), 0);
    expect(template.bytes).toEqual(before);
  });
});
