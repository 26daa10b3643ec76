/** What the tests of packets share. */
import { expect } from 'vitest';
import { IxyError, type IxyErrorCode } from '../../src/errors.ts';
import type { EthernetDescription, Ipv4Description, Ipv6Description } from '../../src/packets/index.ts';

/** For every property: the same inputs in each run. */
export const SEEDED = { seed: 82599, numRuns: 300 };

export const ethernet: EthernetDescription = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
export const ipv4: Ipv4Description = { source: '10.0.0.1', destination: '10.0.0.2' };
export const ipv6: Ipv6Description = { source: '2001:db8::1', destination: '2001:db8::2' };
/** Ports that no protocol is known by, so that nobody looks for one in the payload. */
export const ports = { sourcePort: 50_001, destinationPort: 50_002 };

/** The internet checksum straight from its definition, as a yardstick: words added up without bound, carries folded. */
export function referenceChecksum(data: Uint8Array): number {
  let sum = 0n;
  data.forEach((byte, i) => {
    sum += i % 2 === 0 ? BigInt(byte) << 8n : BigInt(byte);
  });
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n);
  return Number(sum) ^ 0xffff;
}

/** Expects an IxyError of this code whose message matches. */
export function expectError(code: IxyErrorCode, message: RegExp, action: () => unknown): void {
  let caught: unknown;
  try {
    action();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(IxyError);
  if (caught instanceof IxyError) {
    expect(caught.message).toMatch(message);
    expect(caught.code).toBe(code);
  }
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
