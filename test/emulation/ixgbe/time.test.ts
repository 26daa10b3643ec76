/** The clock for time stamps, and the packets that get one. */
import { describe, expect, test } from 'vitest';
import {
  RX_STATUS_TIME_STAMP,
  TX_CMD_DATA,
  TX_CMD_EOP,
  TX_CMD_RS,
  TX_MAC_TIME_STAMP,
  TX_PAYLEN_SHIFT,
} from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { packet, UDP } from './packets.ts';
import { frameTo, type Lab, MAC, startLab } from './test-driver.ts';

const { SYSTIML, SYSTIMH, TIMINCA, TIMADJL, TIMADJH, TSYNCRXCTL, TSYNCTXCTL, RXMTRL, ETQF } = ixgbe;
const { RXSTMPL, RXSTMPH, TXSTMPL, TXSTMPH } = ixgbe;
/** An increment of 6.4 in each cycle of 6.4 ns: units of 100 ps. */
const TENTHS = (1 << 24) | 64;

function startClock(): Lab {
  const lab = startLab();
  lab.driver.write(TIMINCA, TENTHS);
  lab.driver.write(SYSTIML, 0);
  lab.driver.write(SYSTIMH, 0);
  return lab;
}

/** In nanoseconds. */
function time({ driver }: Lab, low = SYSTIML, high = SYSTIMH): number {
  const lower = driver.read(low);
  return (driver.read(high) * 2 ** 32 + lower) / 10;
}

describe('SYSTIM', () => {
  test('runs with model time, as TIMINCA says', () => {
    const lab = startClock();
    const before = time(lab);
    lab.device.model.advance(64_000);
    expect(time(lab) - before).toBe(64_000);
    lab.driver.write(TIMINCA, (4 << 24) | 64);
    const slow = time(lab);
    lab.device.model.advance(64_000);
    expect(time(lab) - slow).toBe(16_000);
    lab.driver.write(TIMINCA, 0);
    const stopped = time(lab);
    lab.device.model.advance(64_000);
    expect(time(lab)).toBe(stopped);
  });

  test('is set by software, carries into its upper half, and is read as one moment', () => {
    const lab = startClock();
    lab.driver.write(SYSTIML, 0xffff_ffff);
    lab.driver.write(SYSTIMH, 7);
    expect([lab.driver.read(SYSTIML), lab.driver.read(SYSTIMH)]).toEqual([0xffff_ffff, 7]);
    lab.driver.read(SYSTIML);
    lab.device.model.advance(6_400);
    expect(lab.driver.read(SYSTIMH)).toBe(7);
    expect([lab.driver.read(SYSTIML), lab.driver.read(SYSTIMH)]).toEqual([63_999, 8]);
  });

  test('is moved forth and back by TIMADJ', () => {
    const lab = startClock();
    lab.driver.write(TIMINCA, 0);
    lab.driver.write(TIMADJL, 500);
    lab.driver.write(TIMADJH, 0);
    expect(time(lab)).toBe(50);
    lab.driver.write(TIMADJL, 200);
    lab.driver.write(TIMADJH, 0x8000_0000);
    expect(time(lab)).toBe(30);
  });

  test('runs ten times slower on a link with a tenth of the speed', () => {
    const lab = startClock();
    lab.device.model.advance(64_000);
    Object.assign(lab.wire, { speed: 1_000 });
    lab.wire.connected = false;
    lab.device.step();
    lab.wire.connected = true;
    lab.device.step();
    const before = time(lab);
    expect(before).toBeGreaterThanOrEqual(64_000);
    lab.device.model.advance(64_000);
    expect(time(lab) - before).toBe(6_400);
  });

  test('begins at 0 after a reset', () => {
    const lab = startClock();
    lab.driver.reset();
    expect(time(lab)).toBe(0);
  });
});

/** A PTP message (IEEE 1588-2008) of a type, over Ethernet or UDP. */
function message(type: number, port?: number): Uint8Array {
  const body = new Uint8Array(44);
  body[0] = type;
  body[32] = type; // control field of version 1
  if (port !== undefined) return packet({ protocol: UDP, destinationPort: port, payload: body });
  const frame = frameTo(MAC, 60);
  frame.set([0x88, 0xf7], 12);
  frame.set(body, 14);
  return frame;
}

/** Whether the descriptor of a frame that came in says that it was stamped. */
function stamped({ wire, device, driver }: Lab, frame: Uint8Array): boolean {
  const at = driver.read(ixgbe.RDH) * 4;
  wire.send(frame);
  device.step();
  const found = (driver.rx.words[at + 2] & RX_STATUS_TIME_STAMP) !== 0;
  driver.receive();
  if (found) driver.read(RXSTMPH);
  return found;
}

describe('received packets', () => {
  test.each([
    [
      'version 2 over Ethernet',
      0,
      0x0100,
      [
        [message(1), true],
        [message(0), false],
        [message(1, 319), false],
      ],
    ],
    [
      'version 1 over UDP',
      1,
      0x01,
      [
        [message(1, 319), true],
        [message(2, 319), false],
        [message(1, 320), false],
      ],
    ],
    [
      'version 2 over both',
      2,
      0x0200,
      [
        [message(2), true],
        [message(2, 319), true],
        [message(3, 319), false],
      ],
    ],
    [
      'all events of version 2',
      5,
      0,
      [
        [message(0), true],
        [message(3, 319), true],
        [message(8, 319), false],
      ],
    ],
  ] as const)('are stamped if they are messages of %s', (_what, type, match, frames) => {
    const lab = startClock();
    lab.driver.write(RXMTRL, (319 << 16) | match);
    lab.driver.write(ETQF, 0x88f7 | ETQF.bits.FILTER_ENABLE.mask | ETQF.bits.IEEE_1588.mask, 3);
    lab.driver.write(TSYNCRXCTL, TSYNCRXCTL.bits.EN.mask | (type << 1));
    for (const [frame, expected] of frames) expect(stamped(lab, frame)).toBe(expected);
    lab.driver.write(TSYNCRXCTL, type << 1);
    expect(stamped(lab, frames[0][0])).toBe(false);
  });

  test('keep the first stamp until it is read', () => {
    const lab = startClock();
    lab.driver.write(RXMTRL, 319 << 16);
    lab.driver.write(TSYNCRXCTL, TSYNCRXCTL.bits.EN.mask | (5 << 1));
    lab.device.model.advance(640);
    const now = time(lab);
    const at = lab.driver.read(ixgbe.RDH) * 4;
    lab.wire.send(message(0, 319));
    lab.device.step();
    lab.device.model.advance(640);
    lab.wire.send(message(0, 319));
    lab.device.step();
    const { words } = lab.driver.rx;
    expect([words[at + 2], words[at + 6]].map((status) => status & RX_STATUS_TIME_STAMP)).toEqual([
      RX_STATUS_TIME_STAMP,
      0,
    ]);
    expect(lab.driver.read(TSYNCRXCTL) & TSYNCRXCTL.bits.RXTT.mask).not.toBe(0);
    expect(time(lab, RXSTMPL, RXSTMPH)).toBe(now);
    expect(lab.driver.read(TSYNCRXCTL) & TSYNCRXCTL.bits.RXTT.mask).toBe(0);
  });
});

describe('sent packets', () => {
  test('are stamped if their descriptor asks for it, the first of them until it is read', () => {
    const lab = startClock();
    const { driver, device } = lab;
    const send = (): void => {
      const index = driver.read(ixgbe.TDH);
      const command = TX_CMD_DATA | TX_CMD_EOP | TX_CMD_RS | TX_MAC_TIME_STAMP | 60;
      driver.writeTx(index, driver.tx.bufferAddress(0), command, 60 << TX_PAYLEN_SHIFT);
      driver.ring(ixgbe.TDT, index + 1);
      device.step();
    };
    send();
    expect(driver.read(TSYNCTXCTL) & TSYNCTXCTL.bits.TXTT.mask).toBe(0);
    driver.write(TSYNCTXCTL, TSYNCTXCTL.bits.EN.mask);
    device.model.advance(6_400);
    const now = time(lab);
    send();
    device.model.advance(6_400);
    send();
    expect(driver.read(TSYNCTXCTL) & TSYNCTXCTL.bits.TXTT.mask).not.toBe(0);
    expect(time(lab, TXSTMPL, TXSTMPH)).toBe(now);
    expect(driver.read(TSYNCTXCTL) & TSYNCTXCTL.bits.TXTT.mask).toBe(0);
    expect(device.model.violations).toEqual([]);
  });
});
