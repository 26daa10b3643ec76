/** Whatever a driver does, the model neither throws nor loops nor writes where it may not. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EmulatedDomain } from '../../../src/emulation/index.ts';
import { LEGACY_BAR, MODERN_BAR, MSIX_BAR, STRUCTURES } from '../../../src/emulation/virtio/pci/config.ts';
import { VIRTIO_NET_RULES } from '../../../src/emulation/virtio/rules.ts';
import { frameTo, type Lab, legacyLab, MAC, modernLab } from './test-driver.ts';

const RUNS = { numRuns: 300, seed: 1041 };
const bytes = fc.constantFrom(1, 2, 4);

/** A number that may be anything, but often something that means something. */
const value = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 4, 7, 8, 11, 15, 64, 128, 0xffff, 0xffff_ffff),
  fc.nat({ max: 0xff }),
  fc.integer(),
);
const place = fc.oneof(
  fc.tuple(fc.constant(MODERN_BAR), fc.nat({ max: STRUCTURES.common.size - 1 })),
  fc.tuple(
    fc.constant(MODERN_BAR),
    fc.nat({ max: 32 }).map((at) => STRUCTURES.notify.offset + at),
  ),
  fc.tuple(fc.constant(MODERN_BAR), fc.nat({ max: 0x3fff })),
  fc.tuple(fc.constant(MSIX_BAR), fc.nat({ max: 0xfff })),
  fc.tuple(fc.constant(LEGACY_BAR), fc.nat({ max: 63 })),
);
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), place, bytes, value }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), place, bytes }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('config' as const), at: fc.nat({ max: 255 }), bytes, value }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('step' as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer Kind> ? Kind : never;

function act({ device, wire }: Lab, what: Action): void {
  const { model } = device;
  if (what.kind === 'step') {
    wire.send(frameTo(MAC));
    device.clock.pause(0.1);
    return;
  }
  const width = what.bytes as 1 | 2 | 4;
  if (what.kind === 'config') {
    const at = what.at & -width;
    device.config.read32(at & ~3);
    if (width === 4) device.config.write32(at, what.value);
    else if (width === 2) device.config.write16(at, what.value);
    else device.config.write8(at, what.value);
    return;
  }
  const [index, offset] = what.place;
  const bar = model.bars.get(index);
  if (!bar || (width < 4 && !bar.narrow)) return;
  const at = offset & -width;
  if (what.kind === 'read') expect(model.read(index, at, width)).toBeLessThan(2 ** (8 * width));
  else model.write(index, at, width, width === 4 ? what.value | 0 : what.value & (2 ** (8 * width) - 1));
}

test.each([
  ['modern', () => modernLab({ kind: 'transitional', queuePairs: 2, domain: new EmulatedDomain() })],
  ['legacy', () => legacyLab({ domain: new EmulatedDomain() })],
] as const)('register accesses of a %s driver that has gone mad', (_name, makeLab) => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(action, { maxLength: 60 }), (started, actions) => {
      const lab: Lab = makeLab();
      if (started) lab.driver.start();
      for (const what of actions) act(lab, what);
      for (const { rule } of lab.device.model.violations) expect(rule in VIRTIO_NET_RULES).toBe(true);
      // A reset brings it back, whatever happened.
      lab.device.model.reset();
      lab.driver.queues.length = 0;
      lab.driver.start();
      lab.wire.connected = true;
      lab.driver.receive();
      lab.wire.send(frameTo(MAC));
      lab.device.step(1000);
      expect(lab.driver.receive().at(-1)).toEqual(frameTo(MAC));
      lab.driver.close();
    }),
    RUNS,
  );
});

test('control commands of any content are answered', () => {
  const lab = modernLab({ queuePairs: 2 });
  lab.driver.start();
  fc.assert(
    fc.property(
      fc.oneof(fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 6 })), fc.tuple(fc.nat({ max: 255 }), fc.nat({ max: 255 }))),
      fc.uint8Array({ maxLength: 300 }),
      (code, data) => {
        expect([0, 1]).toContain(lab.driver.command(code, [...data]));
      },
    ),
    RUNS,
  );
  expect(lab.driver.face.status()).toBe(15);
  lab.driver.close();
});
