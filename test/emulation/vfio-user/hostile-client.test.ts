/** Clients that send anything at all, by mistake or on purpose: nobody else loses anything. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import type { Register } from '../../../src/datasheet/registers.ts';
import { Random } from '../../../src/emulation/wires/random.ts';
import { addon } from '../../../src/native/addon.ts';
import {
  dmaAccess,
  dmaMap,
  dmaUnmap,
  irqInfo,
  irqSet,
  regionAccess,
  regionInfo,
} from '../../../src/pci/vfio-user/payloads.ts';
import { COMMAND } from '../../../src/pci/vfio-user/protocol.ts';
import { mappingsOf, openDescriptors } from '../../support/process.ts';
import { eventfd, Lab, openServerEnd, servedIxgbe, servedVirtio, sharedMemory } from './lab.ts';
import { askingForDoorbells, encodeWriteMulti, greeting, message } from './messages.ts';
import { startVirtio } from './virtio-writes.ts';

const native = addon();
const NOTHING = new Uint8Array(0);
const PAGE = 4096;
/** Between two pages. */
const BORDER = 0x4000_0000;

describe('any client', () => {
  const random = new Random(4711);
  const inbox = new Uint8Array(1 << 16);
  const pick = <Item>(items: readonly Item[]): Item => items[random.below(items.length)];
  const number = (): number =>
    pick([0, 1, 2, 4, 8, 63, 64, 0x1000, 0x5400, 0x2_0000, 0xffff_ffff, random.below(2 ** 31)]);
  const address = (): number =>
    pick([0, 0x1000, 0x2000, 0x10_0000, 2 ** 32, 2 ** 52, 2 ** 53 - 1, random.below(2 ** 31)]);
  const bytes = (most: number): Uint8Array =>
    Uint8Array.from({ length: random.below(most + 1) }, () => random.below(256));

  /** One of two pages that adjoin, writable or not. */
  const page = (): Uint8Array =>
    dmaMap.encode({ flags: pick([1, 3, 3, 3]), offset: 0, address: pick([BORDER - PAGE, BORDER]), size: PAGE });

  /** Registers that set up an 82599's ring, which begins on one page and ends on another. */
  const ringOnBorder = () => {
    const [low, high, length, control] = pick([
      [ixgbe.RDBAL, ixgbe.RDBAH, ixgbe.RDLEN, ixgbe.RXDCTL],
      [ixgbe.TDBAL, ixgbe.TDBAH, ixgbe.TDLEN, ixgbe.TXDCTL],
    ]);
    const queue = random.below(4);
    const write = (register: Register, value: number) => ({
      offset: register.at(queue),
      region: 0,
      data: new Uint8Array(new Uint32Array([value]).buffer),
    });
    return [
      write(control, 0),
      write(low, BORDER - 128),
      write(high, 0),
      write(length, pick([256, 512, PAGE, 2 * PAGE])),
      write(control, ixgbe.RXDCTL.bits.ENABLE.mask),
      { offset: ixgbe.DMATXCTL.at(0), region: 0, data: new Uint8Array([1, 0, 0, 0]) },
      { offset: ixgbe.RXCTRL.at(0), region: 0, data: new Uint8Array([1, 0, 0, 0]) },
    ];
  };

  /** The same for a virtio-net device's ring, its control queue's too. */
  const virtioRingOnBorder = () =>
    startVirtio({ queue: random.below(3), size: pick([32, 64, 256]), address: BORDER - 128 * random.below(8) });

  const payloads: readonly (readonly [command: number, payload: () => Uint8Array])[] = [
    [COMMAND.VERSION, () => pick([greeting, askingForDoorbells])],
    [
      COMMAND.DMA_MAP,
      () =>
        dmaMap.encode({ flags: random.below(4), offset: pick([0, 0x1000, 1]), address: address(), size: address() }),
    ],
    [COMMAND.DMA_MAP, page],
    [COMMAND.DMA_UNMAP, () => dmaUnmap.encode({ address: pick([BORDER - PAGE, BORDER]), size: PAGE })],
    [COMMAND.DMA_UNMAP, () => dmaUnmap.encode({ flags: pick([0, 0, 0, 2]), address: address(), size: address() })],
    [COMMAND.DEVICE_GET_INFO, () => new Uint8Array(16)],
    [COMMAND.GET_REGION_INFO, () => regionInfo.encode({ index: pick([0, 4, number()]) })],
    [COMMAND.GET_IRQ_INFO, () => irqInfo.encode({ index: number() })],
    [
      COMMAND.SET_IRQS,
      () =>
        irqSet.encode(
          {
            flags: pick([0x24, 0x21, 0x11, 0x12, 0x22, random.below(64)]),
            index: random.below(6),
            start: pick([0, 0, number()]),
            count: pick([0, 1, 2, number()]),
          },
          bytes(2),
        ),
    ],
    [
      COMMAND.REGION_READ,
      () =>
        regionAccess.encode({
          offset: number(),
          region: random.below(10),
          count: pick([1, 2, 4, 4, 4, 4, 8, 64, 2 ** 32 - 1]),
        }),
    ],
    [
      COMMAND.REGION_WRITE,
      () => {
        const data = bytes(8);
        return regionAccess.encode(
          { offset: pick([number(), 4 * random.below(0x8000)]), region: pick([0, 4, 7, number()]), count: data.length },
          data,
        );
      },
    ],
    [COMMAND.WRITE_MULTI, () => encodeWriteMulti([{ offset: 4 * random.below(0x8000), region: 0, data: bytes(8) }])],
    [COMMAND.WRITE_MULTI, () => encodeWriteMulti(ringOnBorder())],
    [COMMAND.WRITE_MULTI, () => encodeWriteMulti(virtioRingOnBorder())],
    [COMMAND.DMA_READ, () => dmaAccess.encode({ address: address(), count: number() })],
    [COMMAND.RESET, () => NOTHING],
    [200, () => bytes(64)],
  ];

  /** A message as it should be, or mutated, cut short, or with a size that is not its own; and its descriptors. */
  const next = (): { bytes: Uint8Array; attached: number } => {
    const [command, payload] = pick(payloads);
    const flags = pick([0, 0, 0, 0, 0, 0x10, 0x10, random.below(256) < 8 ? random.below(256) : 0]);
    const whole = message(command, payload(), flags, random.below(4));
    const fitting = command === COMMAND.DMA_MAP || command === COMMAND.SET_IRQS ? pick([0, 1, 1, 2]) : 0;
    const attached = random.below(50) === 0 ? pick([1, 2, 17]) : fitting;
    const way = random.below(100);
    if (way === 0) whole[random.below(whole.length)] = random.below(256);
    if (way === 1) new DataView(whole.buffer).setUint32(4, number(), true);
    return { bytes: way === 2 ? whole.subarray(0, 1 + random.below(whole.length)) : whole, attached };
  };

  it.each([
    ['100,000 messages at an 82599', servedIxgbe, 100_000, [0x86, 0x80]],
    ['40,000 messages at a virtio-net device', servedVirtio, 40_000, [0xf4, 0x1a]],
  ])(
    'gets nowhere with %s',
    (_, serve, messages, identity) => {
      const join = vi.spyOn(native, 'joinMappings');
      onTestFinished(() => join.mockRestore());
      const device = serve();
      const { descriptor } = sharedMemory(0x20_0000);
      const event = eventfd();
      const file = openSync('/dev/null', 'r+');
      onTestFinished(() => closeSync(file));
      const descriptors = [descriptor, event, file];
      const before = [openDescriptors(), mappingsOf('memfd:')];
      let memory = 0;
      let connections = 0;
      const reasons = new Set<string>();
      let rung = 0;
      for (let sent = 0; sent < messages; ) {
        const { connection, socket } = openServerEnd(device, () =>
          native.sendmsg(socket, message(COMMAND.DMA_READ, bytes(32), 1, random.below(4)), []),
        );
        connections++;
        if (random.below(10) > 0)
          native.sendmsg(socket, message(COMMAND.VERSION, pick([greeting, askingForDoorbells])), []);
        for (let i = random.below(5); i > 0; i--)
          native.sendmsg(socket, message(COMMAND.DMA_MAP, page()), [descriptor]);
        // Most would end at once if they began with their worst.
        while (connection.ended === undefined && sent < messages) {
          const { bytes, attached } = next();
          native.sendmsg(
            socket,
            bytes,
            Array.from({ length: attached }, () => pick(descriptors)),
          );
          sent++;
          connection.poll();
          if (random.below(8) === 0) {
            device.advance(1e6);
            device.step();
          }
          rung += ringAll(socket);
          if (random.below(200) === 0) break;
        }
        if (connection.ended) reasons.add(connection.ended.replace(/\d+|0x[0-9a-f]+/g, 'N'));
        connection.close();
        native.close(socket);
        if (connections === 200) memory = resident();
      }
      expect([openDescriptors(), mappingsOf('memfd:')]).toEqual(before);
      expect(connections).toBeGreaterThan(400);
      expect(rung).toBeGreaterThan(100);
      expect(join.mock.calls.length).toBeGreaterThan(50);
      expect(reasons.size).toBeGreaterThan(20);
      expect(resident() - memory).toBeLessThan(64);
      const lab = new Lab({ device });
      expect(lab.read(7, 0, 2)).toEqual(Buffer.from(identity));
    },
    120_000,
  );

  /** Reads what has come, and stores anything into all doorbells that came with it; returns how many BARs these were for. */
  function ringAll(socket: number): number {
    let bars = 0;
    for (;;) {
      const { length, descriptors } = native.recvmsg(socket, inbox, 16);
      for (const descriptor of descriptors) {
        const mapping = native.mmap(descriptor, fstatSync(descriptor).size, 0, native.constants.MAP_SHARED);
        const words = new Int32Array(mapping);
        for (let i = 0; i < 1000; i++)
          words[random.below(words.length)] = pick([0, 1, -2, 8, 511, random.below(2 ** 31)]);
        native.munmap(mapping);
        native.close(descriptor);
        bars++;
      }
      if (length <= 0) return bars;
    }
  }

  /** MiB that this process takes. */
  function resident(): number {
    globalThis.gc?.();
    return process.memoryUsage.rss() / 2 ** 20;
  }
});
