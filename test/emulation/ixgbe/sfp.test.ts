/** The cage and its module, as a driver finds them: by moving two lines. */
import { describe, expect, test } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { EmulatedPciDevice } from '../../../src/emulation/index.ts';
import type { SfpKind } from '../../../src/emulation/ixgbe/link/sfp-module.ts';
import { CallbackWire } from '../../../src/emulation/wires/index.ts';
import { MAC, TestDriver } from './test-driver.ts';

const { I2CCTL, ESDP, LINKS, EERD } = ixgbe;
const { CLK_OUT, DATA_IN, DATA_OUT } = I2CCTL.bits;

function port(sfp: SfpKind): TestDriver {
  return new TestDriver(new EmulatedPciDevice({ mac: MAC, sfp, wire: new CallbackWire() }));
}

/** A bus master that follows the I2C specification (UM10204, section 3.1). */
class BusMaster {
  readonly #driver: TestDriver;
  #lines = CLK_OUT.mask | DATA_OUT.mask;

  constructor(driver: TestDriver) {
    this.#driver = driver;
    this.#drive(this.#lines);
  }

  read(address: number, from: number, length: number): number[] | 'nobody' {
    this.#start();
    if (!this.#send(address)) return this.#stop('nobody');
    this.#send(from);
    this.#start();
    this.#send(address | 1);
    const bytes = Array.from({ length }, (_, i) => this.#receive(i < length - 1));
    return this.#stop(bytes);
  }

  #drive(lines: number): void {
    this.#lines = lines;
    this.#driver.write(I2CCTL, lines);
  }

  #data(high: boolean): void {
    this.#drive(high ? this.#lines | DATA_OUT.mask : this.#lines & ~DATA_OUT.mask);
  }

  /** One clock pulse; the level of the data line during it. */
  #pulse(): boolean {
    this.#drive(this.#lines | CLK_OUT.mask);
    const level = (this.#driver.read(I2CCTL) & DATA_IN.mask) !== 0;
    this.#drive(this.#lines & ~CLK_OUT.mask);
    return level;
  }

  #start(): void {
    this.#data(true);
    this.#drive(this.#lines | CLK_OUT.mask);
    this.#data(false);
    this.#drive(this.#lines & ~CLK_OUT.mask);
  }

  #stop<T>(result: T): T {
    this.#data(false);
    this.#drive(this.#lines | CLK_OUT.mask);
    this.#data(true);
    return result;
  }

  /** Whether it was acknowledged. */
  #send(byte: number): boolean {
    for (let bit = 7; bit >= 0; bit--) {
      this.#data(((byte >>> bit) & 1) !== 0);
      this.#pulse();
    }
    this.#data(true);
    return !this.#pulse();
  }

  #receive(acknowledge: boolean): number {
    this.#data(true);
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) byte = (byte << 1) | (this.#pulse() ? 1 : 0);
    this.#data(!acknowledge);
    this.#pulse();
    return byte;
  }
}

describe("the module's EEPROM over two lines", () => {
  test.each([
    ['da', 0, 0x04],
    ['sr', 0x10, 0],
  ] as const)('of %s says what it is', (sfp, ethernet, cable) => {
    const page = new BusMaster(port(sfp)).read(0xa0, 0, 256) as number[];
    expect([page[0], page[3], page[8]]).toEqual([0x03, ethernet, cable]);
    expect(new TextDecoder().decode(Uint8Array.from(page.slice(20, 36)))).toBe('IXY.TS          ');
    const sum = (from: number, to: number): number => page.slice(from, to).reduce((a, b) => a + b, 0) & 0xff;
    expect([page[63], page[95]]).toEqual([sum(0, 63), sum(64, 95)]);
  });

  test('can be read byte by byte from anywhere, and again after a bus that was left in the middle', () => {
    const driver = port('sr');
    const page = new BusMaster(driver).read(0xa0, 0, 128) as number[];
    for (const at of [0, 12, 63, 127]) expect(new BusMaster(driver).read(0xa0, at, 1)).toEqual([page[at]]);
    driver.write(I2CCTL, 0);
    expect(new BusMaster(driver).read(0xa0, 3, 2)).toEqual(page.slice(3, 5));
  });

  test('wraps around at its end', () => {
    const master = new BusMaster(port('da'));
    expect(master.read(0xa0, 0xff, 2)).toEqual([0, 0x03]);
  });

  test('answers to its own address only, and nobody answers in an empty cage', () => {
    expect(new BusMaster(port('da')).read(0xa2, 0, 1)).toBe('nobody');
    expect(new BusMaster(port('none')).read(0xa0, 0, 1)).toBe('nobody');
  });

  test('reads back levels of the lines, not what was written', () => {
    const driver = port('none');
    driver.write(I2CCTL, 0xf);
    expect(driver.read(I2CCTL)).toBe(0xf);
    driver.write(I2CCTL, 0x5);
    expect(driver.read(I2CCTL)).toBe(0);
  });
});

describe('the cage', () => {
  test('tells by a pin whether it is empty; software drives the pins that it made outputs', () => {
    const sdp2 = 1 << 2;
    expect(port('da').read(ESDP) & sdp2).toBe(sdp2);
    const empty = port('none');
    expect(empty.read(ESDP) & sdp2).toBe(0);
    empty.write(ESDP, (1 << 13) | (1 << 5) | sdp2);
    expect(empty.read(ESDP) & 0xff).toBe(1 << 5);
  });

  test('has no link while it is empty, whatever is plugged into the other end', () => {
    expect(port('none').read(LINKS) & LINKS.bits.LINK_UP.mask).toBe(0);
    expect(port('sr').read(LINKS) & LINKS.bits.LINK_UP.mask).not.toBe(0);
  });
});

test('the EEPROM lists what to set up for each kind of module, behind word 2Bh', () => {
  const driver = port('da');
  const word = (address: number): number => {
    driver.write(EERD, (address << EERD.bits.ADDR.shift) | EERD.bits.START.mask);
    driver.waitFor(EERD, EERD.bits.DONE.mask);
    return driver.read(EERD) >>> EERD.bits.DATA.shift;
  };
  const kinds: number[] = [];
  for (let at = word(0x2b) + 1; word(at) !== 0xffff; at += 2) {
    kinds.push(word(at));
    const values = word(at + 1);
    expect(word(values + 1)).not.toBe(0xffff);
    expect(word(values + 2)).toBe(0xffff);
  }
  expect(kinds).toEqual([3, 4, 5, 6]);
  expect(word(0x2c) & 0x81).toBe(0x81);
});
