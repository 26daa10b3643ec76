/** PAUSE frames: who obeys them, who sees them, who counts them. */
import { expect, test } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { frameTo, type Lab, startLab } from './test-driver.ts';

const { MFLCN, TFCS, LXOFFRXCNT, LXONRXCNT, TPR, GPRC, MPRC, FCTRL, RXCTRL } = ixgbe;
const OTHER = '02:00:00:00:00:02';

function pause(quanta: number): Uint8Array {
  const frame = frameTo('01:80:c2:00:00:01', 60);
  frame.set([0x88, 0x08, 0x00, 0x01, quanta >>> 8, quanta & 0xff], 12);
  return frame;
}

function labWith(mflcn: number): Lab {
  const lab = startLab();
  lab.driver.write(MFLCN, mflcn);
  return lab;
}

function receive({ wire, device }: Lab, frame: Uint8Array): void {
  wire.send(frame);
  device.step();
}

test('stop what is sent for their time, or until they say so', () => {
  const lab = labWith(MFLCN.bits.RFCE.mask);
  receive(lab, pause(1000)); // 51.2 µs
  lab.driver.transmit(frameTo(OTHER, 60));
  lab.device.step();
  expect(lab.sent).toHaveLength(0);
  expect(lab.driver.read(TFCS)).toBe(1);
  lab.device.model.advance(51_200);
  lab.device.step();
  expect(lab.sent).toHaveLength(1);
  expect(lab.driver.read(TFCS)).toBe(0);
  receive(lab, pause(0xffff));
  receive(lab, pause(0));
  lab.driver.transmit(frameTo(OTHER, 60));
  lab.device.step();
  expect(lab.sent).toHaveLength(2);
  expect([lab.driver.read(LXOFFRXCNT), lab.driver.read(LXONRXCNT)]).toEqual([2, 1]);
});

test('are obeyed with RFCE only, and count as nothing but received frames', () => {
  const lab = labWith(0);
  receive(lab, pause(0xffff));
  lab.driver.transmit(frameTo(OTHER, 60));
  lab.device.step();
  expect(lab.sent).toHaveLength(1);
  expect([TPR, GPRC, MPRC, LXOFFRXCNT].map((counter) => lab.driver.read(counter))).toEqual([1, 0, 0, 0]);
});

test('reach software with PMCF, unless DPF discards them, if the filters let them pass', () => {
  const { PMCF, DPF } = MFLCN.bits;
  for (const [mflcn, expected] of [
    [PMCF.mask, 1],
    [PMCF.mask | DPF.mask, 0],
    [0, 0],
  ]) {
    const lab = labWith(mflcn);
    lab.driver.clear(RXCTRL, 1);
    lab.driver.set(FCTRL, FCTRL.bits.MPE.mask);
    lab.driver.set(RXCTRL, 1);
    receive(lab, pause(1));
    expect(lab.driver.receive()).toHaveLength(expected);
  }
});

test('end with the link', () => {
  const lab = labWith(MFLCN.bits.RFCE.mask);
  receive(lab, pause(0xffff));
  lab.wire.connected = false;
  lab.device.step();
  lab.wire.connected = true;
  lab.driver.transmit(frameTo(OTHER, 60));
  lab.device.step();
  expect(lab.sent).toHaveLength(1);
});
