/** What is not to come through: frames that are too long, frames that find no room, and PAUSE frames. */
import { expect, it } from 'vitest';
import { PacketTemplate } from '../../../src/packets/index.ts';
import { type Bench, type Check, driverCounters, ping } from '../harness/bench.ts';
import { listening, STRANGER } from '../harness/ear.ts';
import { FAR, GUEST } from '../harness/judged-nic.ts';

const LONGEST = 1514;
const LOCAL_TYPE = 0x88b5;
/** Of a queue, as the driver makes it. */
const DESCRIPTORS = 512;
const FLOOD = DESCRIPTORS + 200;
const PINGS = 3;
const PAUSE_ADDRESS = '01:80:c2:00:00:01';
const PAUSE_TYPE = 0x8808;
const PAUSES = 3;

export function testLimits(bench: Bench): void {
  it('refuses frames that are longer than its driver wants', () => refusesLongFrames(bench));
  it('misses frames while the guest stands still, and says how many', () => countsMissedFrames(bench));
  it('keeps PAUSE frames to itself, and says how many', () => keepsPauseFrames(bench));
}

export const refusesLongFrames: Check = (bench) =>
  listening(bench, async (ear) => {
    const { nic } = bench;
    nic().wire.inject(frameOf(LONGEST), frameOf(LONGEST + 1), frameOf(LONGEST));
    expect(await ear.heard()).toEqual([GUEST.mac, GUEST.mac]);
  });

export const countsMissedFrames: Check = async (bench) => {
  const { guest, nic } = bench;
  const { wire } = nic();
  const before = await driverCounters(bench);
  await guest().monitor.execute('stop');
  wire.flowControl = false;
  wire.forget();
  wire.inject(...Array.from({ length: FLOOD }, () => frameOf(60)));
  await wire.passed(FLOOD, 'taken');
  wire.flowControl = true;
  await guest().monitor.execute('cont');
  await guest().output(ping(FAR.ip, `-c ${PINGS} -i 0.01`));
  const after = await driverCounters(bench);
  const counted = (name: string): number => after[name] - before[name];
  expect(counted('rx_missed_errors')).toBeGreaterThan(FLOOD - DESCRIPTORS);
  expect(counted('rx_missed_errors') + counted('rx_packets')).toBe(FLOOD + PINGS);
};

export const keepsPauseFrames: Check = (bench) =>
  listening(bench, async (ear) => {
    const before = await driverCounters(bench);
    bench.nic().wire.inject(...Array.from({ length: PAUSES }, () => pauseFrame(1)), pauseFrame(0));
    expect(await ear.heard()).toEqual([]);
    const after = await driverCounters(bench);
    expect(after.rx_flow_control_xoff - before.rx_flow_control_xoff).toBe(PAUSES);
    expect(after.rx_flow_control_xon - before.rx_flow_control_xon).toBe(1);
    expect(after.rx_packets - before.rx_packets).toBe(1); // the one that the ear listens for
  });

function frameOf(size: number): Uint8Array {
  return new PacketTemplate({
    ethernet: { source: STRANGER, destination: GUEST.mac, etherType: LOCAL_TYPE },
    size,
  }).bytes;
}

/** IEEE 802.3, annex 31B: opcode 1, and for how long. */
function pauseFrame(quanta: number): Uint8Array {
  return new PacketTemplate({
    ethernet: { source: STRANGER, destination: PAUSE_ADDRESS, etherType: PAUSE_TYPE },
    payload: Uint8Array.of(0, 1, quanta >>> 8, quanta & 0xff),
  }).bytes;
}
