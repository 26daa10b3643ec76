/** Whatever a driver does, the model does not crash, loop, or touch memory that is not mapped. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { EmulatedDomain } from '../../../src/emulation/index.ts';
import { addressHigh, addressLow } from '../../../src/memory/dma-memory.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import { frameTo, MAC, startLab } from './test-driver.ts';

const offsets = Object.values(ixgbe).flatMap((register) => [register.at(0), register.at(register.length - 1)]);
const anyOffset = fc.oneof(
  fc.constantFrom(...offsets),
  fc.nat(0x7fff).map((word) => word * 4),
);
const action = fc.oneof(
  fc.record({ kind: fc.constant('read' as const), offset: anyOffset }),
  fc.record({ kind: fc.constant('write' as const), offset: anyOffset, value: fc.integer() }),
  fc.record({ kind: fc.constant('ring' as const), offset: anyOffset, value: fc.integer({ min: -2, max: 200 }) }),
  fc.record({ kind: fc.constant('word' as const), index: fc.nat(255), value: fc.integer() }),
  fc.record({ kind: fc.constant('secret' as const), index: fc.nat(63), command: fc.integer() }),
  fc.record({ kind: fc.constant('frame' as const), length: fc.nat(16_000) }),
  fc.record({ kind: fc.constant('step' as const), milliseconds: fc.constantFrom(0, 0.01, 3) }),
);

test.each([true, false])('random accesses and ring contents (strict: %s)', (strict) => {
  const property = fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
    const domain = new EmulatedDomain();
    const { device, driver, wire } = startLab({ domain, strict });
    const bar = device.bar(0);
    // Memory that the device could once reach, and may no longer: it must stay as it is.
    const secret = allocatePlainMemory(4096);
    domain.map(secret);
    const address = domain.addressOf(secret, 1024);
    domain.unmap(secret);
    for (const each of actions) {
      if (each.kind === 'read') {
        const value = bar.read32(each.offset);
        expect(value === value >>> 0).toBe(true);
      } else if (each.kind === 'write') bar.write32(each.offset, each.value);
      else if (each.kind === 'ring') bar.doorbells[each.offset >>> 2] = each.value;
      else if (each.kind === 'word') {
        driver.tx.words[each.index] = each.value;
        driver.rx.words[each.index] ^= each.value & 0xff;
      } else if (each.kind === 'secret') {
        driver.writeTx(each.index, address, each.command, 0);
        driver.rx.words.set([addressLow(address), addressHigh(address), 0, 0], each.index * 4);
      } else if (each.kind === 'frame')
        wire.send(each.length < 14 ? new Uint8Array(each.length) : frameTo(MAC, each.length));
      else device.clock.pause(each.milliseconds);
      device.step();
    }
    expect(new Uint8Array(secret.buffer).every((byte) => byte === 0)).toBe(true);
  });
  fc.assert(property, { seed: 82599, numRuns: 150 });
});
