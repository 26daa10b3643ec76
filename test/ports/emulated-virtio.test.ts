/** Emulated virtio-net devices as ports: driver and model together, by every interface and format of rings. */
import { describe, expect, it } from 'vitest';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { open } from '../../src/ports/index.ts';
import { openPort } from './port-support.ts';

const FRAMES = 2000;

/** Sends back what a generator sends, until it has seen all of its frames. */
function echo(port: NetDevice): void {
  const batch = new PacketBatch(32);
  const done = () => port.counters()['wire.check.unique'] === FRAMES;
  for (let round = 0; round < 20_000 && !done(); round++) {
    for (const [i, queue] of port.rx.entries()) {
      queue.receive(batch);
      port.tx[i].transmit(batch);
      batch.free();
    }
  }
  expect(done()).toBe(true);
}

const KINDS = [
  'kind=legacy',
  'kind=transitional&ring=split',
  'kind=transitional',
  'kind=modern&ring=split',
  'kind=modern',
];
const WITHOUT = ['', 'MRG_RXBUF', 'EVENT_IDX', 'IN_ORDER', 'CTRL_VQ', 'STATUS', 'MTU', 'CSUM'];

describe.each(KINDS)('emulated:virtio with %s', (kind) => {
  it.each(WITHOUT)("carries frames without '%s', and its driver breaks no rule", async (without) => {
    const features = without && `&without=${without}`;
    const port = await openPort(`emulated:virtio?wire=generator&count=${FRAMES}&thread=0&strict=1&${kind}${features}`);
    await port.waitForLink();
    echo(port);
    expect(port.counters()).toMatchObject({
      violations: 0,
      'wire.check.lost': 0,
      'wire.check.reordered': 0,
      'wire.check.corrupted': 0,
    });
    expect(port.statistics()).toMatchObject({ rxPackets: FRAMES, txPackets: FRAMES, rxDropped: 0 });
  });

  it('carries frames for an address that its device does not know', async () => {
    const uri = `emulated:virtio?wire=generator&count=${FRAMES}&without=MAC&thread=0&strict=1&${kind}`;
    const port = await openPort(uri, { promiscuous: true });
    await port.waitForLink();
    echo(port);
    expect(port.counters()).toMatchObject({ violations: 0, 'wire.check.lost': 0 });
  });

  it('carries jumbo frames', async () => {
    const uri = `emulated:virtio?wire=generator&count=${FRAMES}&size=9014&thread=0&strict=1&${kind}`;
    const port = await openPort(uri, { mtu: 9000 });
    await port.waitForLink();
    echo(port);
    expect(port.counters()).toMatchObject({ violations: 0, 'wire.check.lost': 0, 'wire.check.corrupted': 0 });
  });

  it('has several pairs of queues', async () => {
    const uri = `emulated:virtio?wire=generator&count=${FRAMES}&queues=4&thread=0&strict=1&${kind}`;
    const port = await openPort(uri, { rxQueues: 4, txQueues: 4 });
    await port.waitForLink();
    echo(port);
    expect(port.counters()).toMatchObject({ violations: 0, 'wire.check.lost': 0, 'wire.check.corrupted': 0 });
  });
});

describe('emulated:virtio refuses', () => {
  it.each([
    ['ring=packed&kind=legacy', 'ring=packed needs'],
    ['ring=packed&without=RING_PACKED', 'ring=packed needs'],
    ['kind=modem', 'must be one of legacy, transitional, modern'],
    ['queues=0', 'must be from 1 to 128'],
    ['without=MRG_RXBUFF', "did you mean 'MRG_RXBUF'?"],
  ])('%s', async (parameters, message) => {
    await expect(open(`emulated:virtio?${parameters}`)).rejects.toThrow(message);
  });
});

describe('what a program asks of the driver through open()', () => {
  it('reaches the driver for virtio, which has filters of its own', async () => {
    const options = { vlanFilter: true, receiveChecksum: true, transmitChecksum: false };
    const port = await openPort('emulated:virtio?thread=0', options);
    expect(port.capabilities.features).toEqual(expect.arrayContaining(['CTRL_VLAN', 'GUEST_CSUM']));
    expect(port.capabilities.features).not.toContain('CSUM');
    port.setMacFilter?.({ unicast: ['02:00:00:00:00:01'] });
    port.addVlan?.(5);
    port.removeVlan?.(5);
    expect(() => port.addVlan?.(4096)).toThrow('VLAN id must be an integer from 0 to 4095');
  });

  it('is refused by a driver that does not know it', async () => {
    await expect(openPort('emulated:ixgbe?thread=0', { vlanFilter: true })).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining("its driver has no option 'vlanFilter'; known: rxQueues"),
    });
    const port = await openPort('emulated:ixgbe?thread=0', { interrupts: false });
    expect([port.setMacFilter, port.addVlan, port.removeVlan]).toEqual([undefined, undefined, undefined]);
  });
});
