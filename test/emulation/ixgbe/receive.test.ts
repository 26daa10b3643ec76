import { describe, expect, test } from 'vitest';
import { RX_STATUS_INEXACT } from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { insert } from '../../../src/datasheet/registers.ts';
import { CallbackWire } from '../../../src/emulation/wires/index.ts';
import { frameTo, type Lab, MAC, makeLab, RING, startLab } from './test-driver.ts';

const { FCTRL, HLREG0, MAXFRS, MCSTCTRL, MTA, RAL, RAH, SRRCTL, RDRXCTL } = ixgbe;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const MULTICAST = '01:00:5e:12:34:56';

/** A started device whose registers `prepare` has changed before the receiver was switched on. */
function labWith(prepare: (lab: Lab) => void): Lab {
  const lab = makeLab();
  lab.device.setBusMaster(true);
  lab.driver.reset();
  lab.driver.setUpReceive();
  prepare(lab);
  lab.driver.enableRxQueue();
  lab.driver.enableReceiver();
  lab.driver.waitForLink();
  return lab;
}

function receive(lab: Lab, ...frames: Uint8Array[]): Uint8Array[] {
  for (const frame of frames) lab.wire.send(frame);
  lab.device.simulation.settle();
  return lab.driver.receive();
}

describe('filters', () => {
  const other = frameTo('02:00:00:00:00:77', 60);

  test('let pass what is for receive address 0', () => {
    const lab = startLab();
    expect(receive(lab, other, frameTo(MAC, 60))).toEqual([frameTo(MAC, 60)]);
    expect(lab.driver.read(ixgbe.GPRC)).toBe(1);
    expect(lab.driver.read(ixgbe.TPR)).toBe(2);
  });

  test('let pass what is for another valid address', () => {
    const lab = startLab();
    lab.driver.write(RAL, 0x0000_0002, 127);
    lab.driver.write(RAH, 0x0000_7700, 127);
    expect(receive(lab, other)).toEqual([]);
    lab.driver.write(RAH, 0x8000_7700, 127);
    expect(receive(lab, other)).toEqual([other]);
  });

  test('let pass everything with UPE, and mark it as inexact', () => {
    const lab = labWith(({ driver }) => driver.set(FCTRL, FCTRL.bits.UPE.mask));
    for (const frame of [other, frameTo(MAC, 60)]) lab.wire.send(frame);
    lab.device.step();
    expect(lab.driver.rx.words[2] & RX_STATUS_INEXACT).not.toBe(0);
    expect(lab.driver.rx.words[6] & RX_STATUS_INEXACT).toBe(0);
  });

  test('let broadcast pass with BAM only', () => {
    expect(receive(startLab(), frameTo(BROADCAST, 60))).toHaveLength(1);
    const deaf = labWith(({ driver }) => driver.clear(FCTRL, FCTRL.bits.BAM.mask));
    expect(receive(deaf, frameTo(BROADCAST, 60))).toEqual([]);
  });

  test('let multicast pass with MPE only, unless the table lists it', () => {
    const frame = frameTo(MULTICAST, 60);
    expect(receive(startLab(), frame)).toEqual([]);
    const greedy = labWith(({ driver }) => driver.set(FCTRL, FCTRL.bits.MPE.mask));
    expect(receive(greedy, frame)).toEqual([frame]);
  });

  // The last 16 bits of the address, as the datasheet's figure numbers them: 5634h.
  const hashes = [0x5634 >> 4, (0x5634 >> 3) & 0xfff, (0x5634 >> 2) & 0xfff, 0x5634 & 0xfff];
  test.each(hashes.map((hash, offset) => [offset, hash]))('find multicast by table, MO %i', (offset, hash) => {
    const frame = frameTo(MULTICAST, 60);
    const lab = labWith(({ driver }) => {
      driver.write(MCSTCTRL, MCSTCTRL.bits.MFE.mask | offset);
      driver.write(MTA, 1 << (hash & 31), hash >> 5);
    });
    expect(receive(lab, frame, frameTo('01:00:5e:00:00:01', 60))).toEqual([frame]);
    lab.driver.write(MTA, ~(1 << (hash & 31)), hash >> 5);
    expect(receive(lab, frame)).toEqual([]);
  });
});

describe('frames', () => {
  test('shorter than the medium carries arrive padded', () => {
    const [frame] = receive(startLab(), frameTo(MAC, 42));
    expect([...frame]).toEqual([...frameTo(MAC, 42), ...new Array(18).fill(0)]);
  });

  test('keep their CRC if it is not stripped', () => {
    const lab = labWith(({ driver }) => {
      driver.clear(HLREG0, HLREG0.bits.RXCRCSTRP.mask);
      driver.clear(RDRXCTL, RDRXCTL.bits.CRC_STRIP.mask);
    });
    const [frame] = receive(lab, frameTo(MAC, 100));
    expect(frame).toHaveLength(104);
    expect(new DataView(frame.buffer).getUint32(100, true)).toBe(referenceCrc(frame.subarray(0, 100)));
  });

  test('longer than 1518 bytes with CRC are dropped and counted, a VLAN tag not counting', () => {
    const tagged = frameTo(MAC, 1518);
    tagged.set([0x81, 0], 12);
    const lab = startLab();
    expect(receive(lab, frameTo(MAC, 1514), frameTo(MAC, 1515), tagged)).toHaveLength(2);
    expect(lab.driver.read(ixgbe.ROC)).toBe(1);
    expect(lab.driver.read(ixgbe.GPRC)).toBe(2);
  });

  test('up to MAXFRS are taken with JUMBOEN, over several descriptors', () => {
    const lab = labWith(({ driver }) => {
      driver.set(HLREG0, HLREG0.bits.JUMBOEN.mask);
      driver.write(MAXFRS, insert(MAXFRS.bits.MFS, 0, 9018));
    });
    const frames = [frameTo(MAC, 9014), frameTo(MAC, 4096), frameTo(MAC, 2049), frameTo(MAC, 2048)];
    expect(receive(lab, ...frames, frameTo(MAC, 9015))).toEqual(frames);
    expect(lab.device.model.violations).toEqual([]);
  });

  test('fill buffers of the size that SRRCTL says', () => {
    const lab = labWith(({ driver }) => driver.write(SRRCTL, (1 << SRRCTL.bits.DESCTYPE.shift) | 1));
    lab.wire.send(frameTo(MAC, 1500));
    lab.device.step();
    const { words } = lab.driver.rx;
    expect([words[3], words[7]]).toEqual([1024, 476]);
    expect([words[2] & 3, words[6] & 3]).toEqual([1, 3]);
  });

  test('go into legacy descriptors', () => {
    const lab = labWith(({ driver }) => driver.write(SRRCTL, 0x402));
    lab.wire.send(frameTo(MAC, 70));
    lab.device.step();
    const { words } = lab.driver.rx;
    expect(words[2]).toBe(70);
    expect(words[3] & 0xff).toBe(0x03);
  });
});

describe('without descriptors', () => {
  const burst = Array.from({ length: RING + 7 }, (_, i) => frameTo(MAC, 60, i));

  test('frames are missed (MPC)', () => {
    const lab = startLab();
    expect(receive(lab, ...burst)).toEqual(burst.slice(0, RING - 1));
    expect(lab.driver.read(ixgbe.MPC)).toBe(8);
    expect(lab.driver.read(ixgbe.QPRDC)).toBe(0);
    expect(lab.driver.read(ixgbe.GPRC)).toBe(RING - 1);
  });

  test('frames are dropped by the queue (QPRDC) with DROP_EN', () => {
    const lab = labWith(({ driver }) => driver.set(SRRCTL, SRRCTL.bits.DROP_EN.mask));
    expect(receive(lab, ...burst)).toHaveLength(RING - 1);
    expect(lab.driver.read(ixgbe.MPC)).toBe(0);
    expect(lab.driver.read(ixgbe.QPRDC)).toBe(8);
    expect(lab.driver.read(ixgbe.QPRC)).toBe(RING - 1);
  });

  test('frames wait on a wire with flow control', () => {
    const lab = startLab();
    const wire = new CallbackWire();
    Object.assign(wire, { flowControl: true });
    lab.device.model.wire = wire;
    for (const frame of burst) wire.send(frame);
    lab.device.simulation.settle();
    const first = lab.driver.receive();
    lab.device.simulation.settle();
    expect([...first, ...lab.driver.receive()]).toEqual(burst);
    expect(lab.driver.read(ixgbe.MPC)).toBe(0);
  });

  test('a frame that needs more than there are is dropped whole', () => {
    const lab = labWith(({ driver }) => {
      driver.set(HLREG0, HLREG0.bits.JUMBOEN.mask);
      driver.write(MAXFRS, insert(MAXFRS.bits.MFS, 0, 9018));
    });
    const big = frameTo(MAC, 9000); // five buffers
    expect(receive(lab, ...new Array(13).fill(big))).toHaveLength(12);
    expect(lab.driver.read(ixgbe.MPC)).toBe(1);
    expect(receive(lab, big)).toEqual([big]);
  });
});

test('nothing is fetched from the wire before the receiver was switched on; later it is lost', () => {
  const lab = makeLab();
  lab.wire.send(frameTo(MAC, 60));
  lab.driver.start().waitForLink();
  expect(receive(lab)).toHaveLength(1);
  lab.driver.clear(ixgbe.RXCTRL, 1);
  lab.wire.send(frameTo(MAC, 60));
  lab.device.step();
  lab.driver.set(ixgbe.RXCTRL, 1);
  expect(receive(lab)).toHaveLength(0);
  expect(lab.device.model.discarded).toBe(1);
});

test('what goes to unmapped memory is lost, and the device goes on', () => {
  const lab = startLab({ strict: false });
  lab.driver.rx.words[1] = 0;
  expect(receive(lab, frameTo(MAC, 60, 1), frameTo(MAC, 60, 2))).toEqual([new Uint8Array(60), frameTo(MAC, 60, 2)]);
  expect(lab.device.model.dmaFaults).toBe(1);
});

test('frames for a queue that is off are lost', () => {
  const lab = startLab();
  lab.driver.clear(ixgbe.RXDCTL, ixgbe.RXDCTL.bits.ENABLE.mask);
  lab.device.clock.pause(1);
  lab.wire.send(frameTo(MAC, 60));
  lab.device.step();
  expect(lab.device.model.discarded).toBe(1);
});

test('without bus mastering nothing is received', () => {
  const lab = startLab({ strict: false });
  lab.device.setBusMaster(false);
  expect(receive(lab, frameTo(MAC, 60))).toEqual([]);
});

/** CRC-32 the slow way. */
function referenceCrc(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
