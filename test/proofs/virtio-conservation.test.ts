/**
 * Virtio: nothing is lost, twice, out of order or changed on its way through three NICs, whatever is negotiated, unless
 * somebody counted it.
 */
import { describe, expect, test } from 'vitest';
import type { VirtioNetDevice } from '../../src/drivers/virtio/index.ts';
import { openVirtio } from '../../src/drivers/virtio/index.ts';
import { EmulatedPciDevice } from '../../src/emulation/index.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { buildLine, checked, NOTHING_BAD, type OpenNic, run } from './line.ts';
import { INTERFACES, MEETINGS, type VirtioLabOptions } from './virtio-lab.ts';

const MANY = 1_000_000;
const SOME = 20_000;
/** A frame in three buffers. */
const JUMBO = 5000;

/** Opens NICs of one kind, and keeps the devices. */
function opener({ model, ...options }: VirtioLabOptions, strict: boolean) {
  const devices: EmulatedPciDevice<'virtio'>[] = [];
  const open: OpenNic<VirtioNetDevice> = async (wire, simulation) => {
    const device = new EmulatedPciDevice({ ...model, model: 'virtio', wire, simulation, strict });
    devices.push(device);
    return openVirtio(device, {
      allocateMemory: allocatePlainMemory,
      linkPollInterval: 0,
      promiscuous: true,
      checked: false,
      ...options,
    });
  };
  return { open, devices };
}

describe.each(MEETINGS)('$name', ({ options }) => {
  const size = (options.mtu ?? 0) > JUMBO ? JUMBO : 60;

  test('below the limit all packets arrive, as they were sent', async () => {
    const { open, devices } = opener(options, true);
    const line = await buildLine(open, SOME, { size });
    run(line);
    expect(line.generator.packets).toBe(SOME);
    expect(checked(line.checker)).toEqual({ ...NOTHING_BAD, unique: SOME });
    expect(line.middle.statistics()).toMatchObject({ rxPackets: SOME, rxBytes: size * SOME, rxDropped: 0 });
    expect(line.last.statistics()).toMatchObject({ txPackets: SOME, txBytes: size * SOME, txDropped: 0 });
    for (const { model } of devices) {
      expect({ violations: model.violations, discarded: model.discarded, dmaFaults: model.dmaFaults }).toEqual({
        violations: [],
        discarded: 0,
        dmaFaults: 0,
      });
    }
  });

  test('above the limit: what was sent is what was received and what the device dropped', async () => {
    const { open, devices } = opener(options, true);
    const line = await buildLine(open, SOME, { size });
    run(line, 31);
    const [, middle] = devices;
    const { rxPackets } = line.middle.statistics();
    const [there] = line.forwarder.directions;
    expect(middle.model.discarded).toBeGreaterThan(SOME / 20);
    expect(rxPackets + middle.model.discarded).toBe(SOME);
    expect(there.received).toBe(rxPackets);
    expect(there.forwarded + there.dropped).toBe(rxPackets);
    expect(checked(line.checker)).toEqual({ ...NOTHING_BAD, unique: there.forwarded });
    expect(line.checker.lostOf(SOME)).toBe(middle.model.discarded + there.dropped);
    for (const { model } of devices) expect(model.violations).toEqual([]);
  });
});

test.each(INTERFACES)(
  'a million packets through $name',
  async ({ options }) => {
    const { open, devices } = opener(options, false);
    const line = await buildLine(open, MANY);
    run(line);
    expect(checked(line.checker)).toEqual({ ...NOTHING_BAD, unique: MANY });
    expect(devices.map(({ model }) => model.discarded)).toEqual([0, 0, 0]);
  },
  120_000,
);
