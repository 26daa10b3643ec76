/** What the driver does to the device when queues change hands, register by register. */
import { afterEach, describe, expect, test } from 'vitest';
import { type IxgbeDevice, openIxgbe } from '../../../src/drivers/ixgbe/index.ts';
import type { QueueLoan } from '../../../src/drivers/lending/loan.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import type { SharedDevice } from '../../../src/pci/device-share.ts';
import { FakeDevice } from './fake-device.ts';

const ENABLE = 0x0200_0000;

/** Says that it can be shared. */
class SharedFake extends FakeDevice {
  released = 0;

  share(): SharedDevice {
    return { data: { kind: 'fake', address: this.address }, release: () => this.released++ };
  }
}

const opened: IxgbeDevice[] = [];
afterEach(() => {
  for (const nic of opened.splice(0)) nic.close();
});

async function open(device: FakeDevice): Promise<IxgbeDevice> {
  const { allocateMemory } = device;
  const nic = await openIxgbe(device, { allocateMemory, linkPollInterval: 0, rxQueues: 2, txQueues: 2 });
  opened.push(nic);
  device.log.length = 0;
  return nic;
}

function lend(nic: IxgbeDevice): QueueLoan {
  return nic.lend({ rx: [1], tx: [1], memory: allocatePlainMemory(4096) });
}

/** Names of the registers written, with whether queues were enabled. */
function steps({ log }: FakeDevice): string[] {
  const queues = log.filter(({ name }) => /^[RT](D[HT]|XDCTL)\[/.test(name));
  return queues.map(({ name, value }) =>
    name.includes('DCTL') ? `${name} ${value & ENABLE ? 'on' : 'off'}` : `${name} ${value}`,
  );
}

describe('registers of lent queues', () => {
  test('are written while the queue is off', async () => {
    const device = new SharedFake();
    const loan = lend(await open(device));
    expect(steps(device)).toEqual([
      'RXDCTL[1] off',
      'TXDCTL[1] off',
      'RDT[1] 0',
      'RXDCTL[1] on',
      'TDT[1] 0',
      'TXDCTL[1] on',
    ]);
    device.log.length = 0;
    loan.takeBack();
    expect(steps(device)).toEqual(['RXDCTL[1] off', 'TXDCTL[1] off']);
    expect(device.released).toBe(1);
  });

  test('are rewound where the device has not done so', async () => {
    const device = new SharedFake();
    const nic = await open(device);
    device.poke('RDH', 100, 1);
    device.poke('TDH', 50, 1);
    device.poke('TDT', 50, 1);
    lend(nic).takeBack();
    const order = steps(device);
    expect(order.indexOf('RDH[1] 0')).toBeGreaterThan(order.indexOf('RXDCTL[1] off'));
    expect(order.indexOf('RDH[1] 0')).toBeLessThan(order.indexOf('RXDCTL[1] on'));
    expect(order.indexOf('TDH[1] 0')).toBeGreaterThan(order.indexOf('TXDCTL[1] off'));
    expect(order.indexOf('TDH[1] 0')).toBeLessThan(order.indexOf('TXDCTL[1] on'));
  });

  test('of a queue that does not stop leave it at home, with all that was mapped given back', async () => {
    const device = new SharedFake();
    const nic = await open(device);
    device.stuck.set('RXDCTL[1]', ENABLE);
    expect(() => lend(nic)).toThrow(expect.objectContaining({ code: 'ERR_TIMEOUT' }));
    expect([device.released, device.writesTo('unmap').length]).toEqual([1, 1]);
    device.stuck.clear();
    lend(nic).takeBack();
    expect(device.released).toBe(2);
  });

  test('of a queue that does not stop when it is taken back let it be tried again', async () => {
    const device = new SharedFake();
    const loan = lend(await open(device));
    device.stuck.set('TXDCTL[1]', ENABLE);
    expect(() => loan.takeBack()).toThrow(expect.objectContaining({ code: 'ERR_TIMEOUT' }));
    expect(device.writesTo('unmap')).toEqual([]); // the device may still read it
    device.stuck.clear();
    loan.takeBack();
    expect([device.released, device.writesTo('unmap').length]).toEqual([1, 1]);
  });

  test('of a device that was removed are left alone', async () => {
    const device = new SharedFake();
    const nic = await open(device);
    const loan = lend(nic);
    device.onRead = () => 0xffff_ffff;
    nic.link();
    device.log.length = 0;
    loan.takeBack();
    expect(device.log.map(({ name }) => name)).toEqual(['unmap']);
    expect(device.released).toBe(1);
  });

  test('are off before memory goes, where the port is closed first', async () => {
    const device = new SharedFake();
    const nic = await open(device);
    const loan = lend(nic);
    device.log.length = 0;
    nic.close();
    const unmapped = device.position('unmap');
    for (const register of ['RXDCTL[1]', 'TXDCTL[1]', 'bus-master']) {
      expect(device.position(register, (value) => (value & ENABLE) === 0)).toBeLessThan(unmapped);
    }
    expect(device.released).toBe(0); // the borrower may still be there
    loan.takeBack();
    expect(device.released).toBe(1);
  });
});
