import { describe, expect, test } from 'vitest';
import {
  TX_CMD_DATA,
  TX_CMD_DEXT,
  TX_CMD_EOP,
  TX_CMD_IFCS,
  TX_CMD_RS,
  TX_DTYP_CONTEXT,
  TX_PAYLEN_SHIFT,
} from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { insert } from '../../../src/datasheet/registers.ts';
import { addressHigh, addressLow } from '../../../src/memory/dma-memory.ts';
import { frameTo, type Lab, makeLab, RING, startLab } from './test-driver.ts';

const { TXDCTL, HLREG0, TDT, TDH, TDWBAL, TDWBAH } = ixgbe;
const OTHER = '02:00:00:00:00:02';
const PLAIN = TX_CMD_DATA | TX_CMD_EOP;

/** A started transmitter whose registers `prepare` has changed before it was switched on. */
function labWith(prepare: (lab: Lab) => void, options: Parameters<typeof makeLab>[0] = {}): Lab {
  const lab = makeLab(options);
  lab.device.setBusMaster(true);
  lab.driver.reset();
  lab.driver.setUpTransmit();
  prepare(lab);
  lab.driver.enableTransmitter();
  lab.driver.enableTxQueue();
  lab.driver.waitForLink();
  return lab;
}

/** Writes `count` plain descriptors of 60 bytes from index 0 on, with RS where `reports` says, and rings. */
function queue({ driver }: Lab, count: number, reports: (index: number) => boolean): void {
  for (let i = 0; i < count; i++) {
    driver.writeTx(i, driver.tx.bufferAddress(i), PLAIN | 60 | (reports(i) ? TX_CMD_RS : 0), 60 << TX_PAYLEN_SHIFT);
  }
  driver.ring(TDT, count % RING);
}

function done({ driver }: Lab, count: number): number[] {
  return Array.from({ length: count }, (_, i) => i).filter((i) => driver.txDone(i));
}

describe('frames', () => {
  test('leave in order, around the ring', () => {
    const lab = startLab();
    const frames = Array.from({ length: 150 }, (_, i) => frameTo(OTHER, 60 + i, i));
    for (const frame of frames) {
      lab.driver.transmit(frame);
      lab.device.step();
    }
    expect(lab.sent).toEqual(frames);
  });

  test('are put together from several descriptors of any alignment', () => {
    const lab = startLab();
    const frame = frameTo(OTHER, 1500);
    lab.driver.transmit(frame, [14, 1, 485, 999, 1]);
    lab.device.step();
    expect(lab.sent).toEqual([frame]);
    expect(done(lab, 5)).toEqual([4]);
    expect(lab.device.model.violations).toEqual([]);
  });

  test('wait until all their descriptors are there', () => {
    const lab = startLab();
    const frame = frameTo(OTHER, 200);
    lab.driver.transmit(frame, [100, 100], false);
    lab.driver.ring(TDT, 1);
    lab.device.step();
    expect(lab.sent).toEqual([]);
    lab.driver.ring(TDT, 2);
    lab.device.step();
    expect(lab.sent).toEqual([frame]);
  });

  test('below 60 bytes are padded', () => {
    const lab = startLab();
    lab.driver.transmit(frameTo(OTHER, 42));
    lab.device.step();
    expect([...lab.sent[0]]).toEqual([...frameTo(OTHER, 42), ...new Array(18).fill(0)]);
    expect(lab.driver.read(ixgbe.PTC64)).toBe(1);
    expect(lab.device.model.violations).toEqual([]);
  });

  test('stay short without TXPADEN', () => {
    const lab = labWith(({ driver }) => driver.clear(HLREG0, HLREG0.bits.TXPADEN.mask), { strict: false });
    lab.driver.transmit(frameTo(OTHER, 42));
    lab.device.step();
    expect(lab.sent).toEqual([frameTo(OTHER, 42)]);
  });

  test('with their CRC made by software lose it on the wire', () => {
    const lab = startLab();
    const bytes = new TextEncoder().encode('123456789'.repeat(8));
    const frame = new Uint8Array([...bytes, 0, 0, 0, 0]);
    // The check value of 72 bytes: computed by an independent implementation (Python's binascii.crc32).
    new DataView(frame.buffer).setUint32(72, 0x8811a440, true);
    lab.driver.tx.bytes.set(frame);
    const command = (TX_CMD_DATA & ~TX_CMD_IFCS) | TX_CMD_EOP | TX_CMD_RS | 76;
    lab.driver.writeTx(0, lab.driver.tx.bufferAddress(0), command, 76 << TX_PAYLEN_SHIFT);
    lab.driver.ring(TDT, 1);
    lab.device.step();
    expect(lab.sent).toEqual([bytes]);
    expect(lab.device.model.violations).toEqual([]);
  });

  test('wait for the link', () => {
    const lab = startLab();
    lab.wire.connected = false;
    lab.device.step();
    lab.driver.transmit(frameTo(OTHER, 60));
    lab.device.step();
    expect(lab.sent).toEqual([]);
    lab.wire.connected = true;
    lab.device.step();
    expect(lab.sent).toHaveLength(1);
  });

  test('wait for a wire that has no room', () => {
    const lab = startLab();
    const frames: number[] = [];
    let room = 3;
    lab.device.model.wire = {
      connected: true,
      speed: 0,
      deliver: (_bytes, _offset, length) => {
        if (room === 0) return false;
        room--;
        frames.push(length);
        return true;
      },
      poll: () => 0,
      close: () => {},
    };
    lab.device.step();
    queue(lab, 10, () => true);
    lab.device.step();
    expect(frames).toHaveLength(3);
    expect(done(lab, 10)).toEqual([0, 1, 2]);
    room = 100;
    lab.device.step();
    expect(frames).toHaveLength(10);
  });

  test('of several queues leave in turns', () => {
    const lab = startLab({ strict: false });
    const { driver } = lab;
    const second = startLab({ strict: false }).driver.tx; // more memory in the same domain
    driver.write(ixgbe.TDBAL, addressLow(second.address), 1);
    driver.write(ixgbe.TDBAH, addressHigh(second.address), 1);
    driver.write(ixgbe.TDLEN, RING * 16, 1);
    driver.write(TXDCTL, TXDCTL.bits.ENABLE.mask, 1);
    lab.device.clock.pause(1);
    queue(lab, 20, () => true);
    for (let i = 0; i < 20; i++) {
      second.words.set(
        [addressLow(second.bufferAddress(0)), addressHigh(second.bufferAddress(0)), PLAIN | 61, 0],
        i * 4,
      );
    }
    driver.ring(TDT, 20, 1);
    lab.device.step(10);
    const lengths = lab.sent.map((frame) => frame.length);
    expect([lengths.filter((n) => n === 60).length, lengths.filter((n) => n === 61).length]).toEqual([5, 5]);
  });

  test('of null and context descriptors are none', () => {
    const lab = startLab({ strict: false });
    const { driver } = lab;
    driver.writeTx(0, 0, TX_CMD_DEXT | TX_DTYP_CONTEXT, 0);
    driver.writeTx(1, 0, PLAIN | TX_CMD_RS, 0);
    driver.ring(TDT, 2);
    lab.device.step();
    expect(lab.sent).toEqual([]);
    expect(driver.read(TDH)).toBe(2);
    expect(driver.txDone(1)).toBe(true);
  });

  test('in unmapped memory are lost, and the queue goes on', () => {
    const lab = startLab({ strict: false });
    lab.driver.writeTx(0, 2 ** 46, PLAIN | TX_CMD_RS | 60, 0);
    lab.driver.ring(TDT, 1);
    lab.device.step();
    expect(lab.sent).toEqual([]);
    expect(lab.driver.txDone(0)).toBe(true);
    expect(lab.device.model.dmaFaults).toBe(1);
  });

  test('leave from legacy descriptors', () => {
    const lab = startLab();
    const frame = frameTo(OTHER, 64);
    lab.driver.tx.bytes.set(frame);
    lab.driver.writeTx(0, lab.driver.tx.bufferAddress(0), TX_CMD_EOP | TX_CMD_IFCS | TX_CMD_RS | 64, 0);
    lab.driver.ring(TDT, 1);
    lab.device.step();
    expect(lab.sent).toEqual([frame]);
    expect(lab.driver.txDone(0)).toBe(true);
    expect(lab.device.model.violations).toEqual([]);
  });
});

describe('write-back', () => {
  test('with WTHRESH 0 reports descriptors with RS, and no others', () => {
    const lab = startLab();
    queue(lab, 48, (i) => i % 32 === 31 || i === 40);
    lab.device.step();
    expect(done(lab, 48)).toEqual([31, 40]);
    expect(lab.driver.tx.words[31 * 4 + 2]).toBe(PLAIN | TX_CMD_RS | 60);
  });

  test('with WTHRESH 8 reports when 8 descriptors are done, or when it is flushed', () => {
    const lab = labWith(({ driver }) => driver.set(TXDCTL, insert(TXDCTL.bits.WTHRESH, 0, 8)));
    queue(lab, 7, () => false);
    lab.device.step();
    expect(done(lab, 7)).toEqual([]);
    lab.driver.set(TXDCTL, TXDCTL.bits.SWFLSH.mask);
    expect(done(lab, 7)).toHaveLength(7);
    expect(lab.driver.read(TXDCTL) & TXDCTL.bits.SWFLSH.mask).toBe(0);
    queue(lab, 16, () => false);
    lab.device.step();
    expect(done(lab, 16)).toEqual([7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });

  test('with WTHRESH 8 reports fewer when the interval of their interrupt is over', () => {
    const lab = labWith(({ driver }) => driver.set(TXDCTL, insert(TXDCTL.bits.WTHRESH, 0, 8)));
    const { device, driver } = lab;
    driver.write(ixgbe.IVAR, 0x8000); // TX queue 0 -> 0
    driver.write(ixgbe.EIMS, 1);
    driver.write(ixgbe.EITR, 50 << ixgbe.EITR.bits.ITR_INTERVAL.shift); // 100 µs
    queue(lab, 1, () => false);
    device.step();
    expect(done(lab, 8)).toEqual([0]);
    queue(lab, 4, () => false);
    device.model.advance(99_999);
    device.step();
    expect(done(lab, 8)).toEqual([]);
    device.model.advance(1);
    device.step();
    expect(done(lab, 8)).toEqual([1, 2, 3]);
    expect(driver.read(ixgbe.EICR) & 1).toBe(1);
  });

  test('of the head goes where TDWBAL points', () => {
    const lab = startLab();
    const place = lab.driver.rx.bufferAddress(RING - 1);
    lab.driver.write(TDWBAH, addressHigh(place));
    lab.driver.write(TDWBAL, addressLow(place) | TDWBAL.bits.HEAD_WB_EN.mask);
    queue(lab, 5, (i) => i === 4);
    lab.device.step();
    expect(new Int32Array(lab.driver.rx.buffers.buffer)[((RING - 1) * 2048) >>> 2]).toBe(5);
    expect(done(lab, 5)).toEqual([]);
  });

  test('shows in the head register', () => {
    const lab = startLab();
    queue(lab, 5, () => true);
    lab.device.step();
    expect(lab.driver.read(TDH)).toBe(5);
    expect(lab.driver.read(TDT)).toBe(5);
  });
});
