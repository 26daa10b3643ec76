import { expect, test } from 'vitest';
import {
  TX_CMD_DATA,
  TX_CMD_DEXT,
  TX_CMD_EOP,
  TX_CMD_RS,
  TX_CMD_TSE,
  TX_DTYP_CONTEXT,
  TX_INSERT_L4_CHECKSUM,
  TX_PAYLEN_SHIFT,
} from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { EmulatedDomain } from '../../../src/emulation/index.ts';
import { RING, startLab } from './test-driver.ts';

const { SRRCTL } = ixgbe;

test('a ring whose memory is taken away while it runs is caught', () => {
  const { device, driver } = startLab({ domain: new EmulatedDomain() });
  driver.rx.unmap();
  driver.tx.unmap();
  device.step();
  expect(device.model.violations.map((violation) => violation.rule)).toEqual(['rx.ring-unmapped', 'tx.ring-unmapped']);
});

test('a register of a running queue may be written as it is', () => {
  const { device, driver } = startLab();
  driver.write(SRRCTL, driver.read(SRRCTL));
  expect(device.model.violations).toEqual([]);
  driver.write(SRRCTL, driver.read(SRRCTL) ^ SRRCTL.bits.DROP_EN.mask);
  expect(device.model.violations).toMatchObject([{ rule: 'rx.configured-while-enabled', register: 'SRRCTL' }]);
});

test('buffers of packets that are cut into segments may be longer than a frame', () => {
  const send = (command: number): string[] => {
    const lab = startLab();
    const length = 16_000;
    const context = [
      (14 << 9) | 20,
      0,
      TX_CMD_DEXT | TX_DTYP_CONTEXT | (1 << 11) | (1 << 10),
      (1460 << 16) | (20 << 8),
    ];
    lab.driver.tx.words.set(context, 0);
    const all = TX_CMD_DATA | TX_CMD_EOP | TX_CMD_RS | command | length;
    const status = ((length - 54) << TX_PAYLEN_SHIFT) | TX_INSERT_L4_CHECKSUM;
    lab.driver.writeTx(1, lab.driver.tx.bufferAddress(0), all, status);
    lab.driver.ring(ixgbe.TDT, 2);
    lab.device.step();
    return lab.device.model.violations.map(({ rule }) => rule);
  };
  expect(send(0)).toContain('tx.zero-length');
  expect(send(TX_CMD_TSE)).not.toContain('tx.zero-length');
});

test('without strict mode nothing is recorded', () => {
  const { device, driver } = startLab({ strict: false });
  driver.ring(ixgbe.RDT, RING);
  driver.read(ixgbe.EIMC);
  device.step();
  expect(device.model.violations).toEqual([]);
});

test('a violation is recorded once for each place, with a count', () => {
  const { device, driver } = startLab();
  for (let i = 0; i < 3; i++) driver.write(ixgbe.RDH, 0, 5);
  driver.write(ixgbe.RDH, 0, 6);
  expect(device.model.violations).toMatchObject([
    { rule: 'register.read-only', register: 'RDH', queue: 5, count: 3, level: 'broken' },
    { rule: 'register.read-only', register: 'RDH', queue: 6, count: 1 },
  ]);
  device.model.clearViolations();
  expect(device.model.violations).toEqual([]);
});
