/** The drivers on NICs that are served: what they do is what they do on any other, and the judge finds nothing wrong with it. */
import { once } from 'node:events';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { requireNicDriver } from '../../src/drivers/nics.ts';
import {
  CableRegistry,
  createWire,
  type ModelKind,
  type ModelOptions,
  wireStatistics,
} from '../../src/emulation/index.ts';
import { allocateSharedMemory } from '../../src/memory/memfd-memory.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { VfioUserDomain } from '../../src/pci/vfio-user/domain.ts';
import { ServedNic, type ServedNicOptions } from '../pci/vfio-user/served-nic.ts';
import { mappingsOf, openDescriptors } from '../support/process.ts';

const FRAMES = 1000;

interface Kind {
  readonly model: ModelKind;
  readonly options: ModelOptions<ModelKind>;
}

const KINDS: readonly (readonly [string, Kind])[] = [
  ['an 82599', { model: 'ixgbe', options: {} }],
  ...(['modern', 'transitional', 'legacy'] as const).map(
    (kind) => [`a ${kind} virtio-net device`, { model: 'virtio', options: { kind } }] as const,
  ),
  ['a virtio-net device without MSI-X', { model: 'virtio', options: { vectors: 0 } }],
];

interface Opened {
  readonly nic: ServedNic<ModelKind>;
  readonly port: NetDevice;
}

async function open({ model, options }: Kind, more: ServedNicOptions = {}, promiscuous = false): Promise<Opened> {
  const nic = new ServedNic(model, options, more);
  const driver = requireNicDriver(nic.device);
  const port = await driver.open(nic.device, { allocateMemory: allocateSharedMemory, promiscuous });
  onTestFinished(() => port.close());
  await port.waitForLink();
  return { nic, port };
}

function generator(count = FRAMES) {
  return createWire({ kind: 'generator', count, size: 200, flowControl: true }, new CableRegistry());
}

/** Receives on one port and sends on the other, in bursts, so many times. */
function forward(from: Opened, to: Opened, rounds = 200): void {
  const batch = new PacketBatch(32);
  for (let round = 0; round < rounds; round++) {
    for (const { nic } of new Set([from, to])) nic.run(0.1);
    from.port.rx[0].receive(batch);
    to.port.tx[0].transmit(batch);
    batch.free();
  }
}

it('the virtio driver does without doorbells in shared memory, and breaks no rule', async () => {
  const wire = generator();
  const echo = await open({ model: 'virtio', options: {} }, { wire, doorbells: false });
  forward(echo, echo);
  expect(wireStatistics(wire.counters).check).toMatchObject({ unique: FRAMES, lost: 0, reordered: 0, corrupted: 0 });
  echo.port.close();
  expect(echo.nic.served.model.violations).toEqual([]);
});

it('the virtio driver rings for a device that has gone without a sound', async () => {
  const { nic, port } = await open({ model: 'virtio', options: {} }, { wire: generator(8), doorbells: false }, true);
  nic.run(5);
  nic.kill();
  const batch = new PacketBatch(32);
  expect(port.rx[0].receive(batch)).toBe(8);
  expect(port.tx[0].transmit(batch)).toBe(8);
});

describe.each(KINDS)('the driver of %s that is served', (_name, kind) => {
  it('carries frames unchanged and in order, and breaks no rule', async () => {
    const wire = generator();
    const echo = await open(kind, { wire });
    forward(echo, echo);
    const { check } = wireStatistics(wire.counters);
    expect(check).toMatchObject({ unique: FRAMES, lost: 0, reordered: 0, corrupted: 0 });
    echo.port.close();
    expect(echo.nic.served.model.violations).toEqual([]);
    expect(echo.nic.refusals).toEqual([]);
  });

  it('sends what another one received from where it lies', async () => {
    const domain = new VfioUserDomain();
    const source = generator();
    const sink = createWire({ kind: 'null' }, new CableRegistry());
    const from = await open(kind, { wire: source, domain }, true);
    const to = await open({ model: 'ixgbe', options: {} }, { wire: sink, domain });
    forward(from, to);
    expect(to.port.statistics()).toMatchObject({ txPackets: FRAMES, txBytes: FRAMES * 200 });
    for (const { nic, port } of [from, to]) {
      port.close();
      expect(nic.served.model.violations).toEqual([]);
    }
  });

  it('wakes those who wait for packets', async () => {
    const { nic, port } = await open(kind, { wire: generator(1) }, true);
    const { interrupt } = port.rx[0];
    expect(interrupt?.arm()).toBe(true);
    nic.run(2);
    expect(interrupt?.wait(0)).toBe(true);
    expect(port.rx[0].receive(new PacketBatch(4))).toBe(1);
  });

  it.each([true, false])(
    'notices that the server was killed, and lets everything go (interrupts: %s)',
    async (woken) => {
      await setTimeout(0);
      const before = [openDescriptors(), mappingsOf('ixy-d')];
      const echo = await open(kind, { wire: generator() });
      forward(echo, echo, 10);
      echo.nic.kill();
      const removed = once(echo.port, 'removed');
      if (woken) await removed;
      else expect(echo.port.link().up).toBe(false);
      const [error] = await removed;
      expect(error).toMatchObject({ code: 'ERR_DEVICE_GONE', message: expect.stringMatching(/the server has closed/) });
      const batch = new PacketBatch(32);
      expect([echo.port.rx[0].receive(batch), echo.port.rx[0].interrupt?.arm()]).toEqual([0, false]);
      echo.port.close();
      while (openDescriptors() > before[0]) await setImmediate();
      expect([openDescriptors(), mappingsOf('ixy-d')]).toEqual(before);
    },
  );

  it('says what memory it takes', async () => {
    const nic = new ServedNic(kind.model, kind.options);
    const opening = requireNicDriver(nic.device).open(nic.device, { allocateMemory: allocatePlainMemory });
    await expect(opening).rejects.toMatchObject({ code: 'ERR_DMA_UNMAPPED' });
    expect(nic.served.doorbells.shared).toBe(true);
  });
});
