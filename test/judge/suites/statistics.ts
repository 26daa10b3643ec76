/** The card's counters, as `ethtool -S` shows them, against the frames that were on the wire. */
import { expect, it } from 'vitest';
import { PacketTemplate } from '../../../src/packets/index.ts';
import { type Bench, type Check, driverCounters, INTERFACE, ping } from '../harness/bench.ts';
import { STRANGER } from '../harness/ear.ts';
import { FAR } from '../harness/judged-nic.ts';

const CRC_BYTES = 4;
const PING_SIZES = [0, 100, 500, 1000, 1472];
const GROUP_FRAMES = 3;
const BROADCAST_FRAMES = 2;

export function testStatistics(bench: Bench): void {
  it('counts what was on the wire', () => countsFrames(bench));
}

export const countsFrames: Check = async (bench) => {
  const { guest, nic } = bench;
  await guest().output(`ip link set ${INTERFACE} allmulticast on`);
  const before = await driverCounters(bench);
  nic().wire.forget();
  nic().wire.inject(
    ...Array.from({ length: GROUP_FRAMES }, () => frameTo('01:00:5e:00:00:09')),
    ...Array.from({ length: BROADCAST_FRAMES }, () => frameTo('ff:ff:ff:ff:ff:ff')),
    frameTo(STRANGER), // on the wire, but for somebody else
  );
  for (const size of PING_SIZES) await guest().output(ping(FAR.ip, `-c 2 -i 0.01 -s ${size}`));
  const after = await driverCounters(bench);
  const counted = (name: string): number => after[name] - before[name];

  const { sent, taken } = nic().wire;
  const meant = taken.filter((frame) => !hasAddress(frame, STRANGER));
  expect(sent).toHaveLength(2 * PING_SIZES.length);
  expect(meant).toHaveLength(sent.length + GROUP_FRAMES + BROADCAST_FRAMES);
  // The driver's own, without CRC; and those of the card, with it.
  for (const name of ['tx_packets', 'tx_pkts_nic']) expect([name, counted(name)]).toEqual([name, sent.length]);
  for (const name of ['rx_packets', 'rx_pkts_nic']) expect([name, counted(name)]).toEqual([name, meant.length]);
  expect(counted('rx_bytes')).toBe(bytesOf(meant));
  expect(counted('rx_bytes_nic')).toBe(bytesOf(meant) + CRC_BYTES * meant.length);
  expect(counted('tx_bytes_nic')).toBe(bytesOf(sent) + CRC_BYTES * sent.length);
  expect(counted('multicast')).toBe(GROUP_FRAMES);
  expect(counted('broadcast')).toBe(BROADCAST_FRAMES);
  // Nobody in the kernel listens to what is no ping, and no other frame was lost.
  expect(counted('rx_dropped')).toBe(GROUP_FRAMES + BROADCAST_FRAMES);
  const troubles = Object.keys(after).filter((name) => /error|missed|no_dma|no_buffer|timeout|failed/.test(name));
  expect(troubles.length).toBeGreaterThan(10);
  expect(troubles.filter((name) => counted(name) !== 0)).toEqual([]);
  await guest().output(`ip link set ${INTERFACE} allmulticast off`);
};

function frameTo(destination: string): Uint8Array {
  return new PacketTemplate({ ethernet: { source: STRANGER, destination } }).bytes;
}

function hasAddress(frame: Uint8Array, address: string): boolean {
  return Buffer.from(frame.subarray(0, 6)).toString('hex') === address.replaceAll(':', '');
}

function bytesOf(frames: readonly Uint8Array[]): number {
  return frames.reduce((sum, { length }) => sum + length, 0);
}
