/** Whether a device still does what it was told to, as others see it than the program that has ended. */
import { expect } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { receiveQueueIndex, transmitQueueIndex } from '../../../src/datasheet/virtio/net.ts';
import { errorMessage } from '../../../src/errors.ts';
import type { Guest } from '../harness/guest.ts';
import { isServed, type Nic, nicAddress, nicName } from '../harness/nics.ts';

const BUS_MASTER = 4;

/** For each NIC, whether it may do DMA. */
export async function busMasters(guest: Guest, nics: readonly Nic[]): Promise<boolean[]> {
  const commands = await guest.output(nics.map((nic) => `setpci -s ${nicAddress(nic)} COMMAND`).join(' && '));
  return commands.split('\n').map((word) => (Number.parseInt(word, 16) & BUS_MASTER) !== 0);
}

/** Whether pairs of queues are on, both halves of each: as the 82599's model has it, or QEMU. */
export async function enabledPairs(guest: Guest, nic: Nic, pairs: number): Promise<(readonly boolean[])[]> {
  const halves = (pair: number) => (isServed(nic) ? servedHalves(guest, nic, pair) : virtioHalves(guest, nic, pair));
  return Promise.all(Array.from({ length: pairs }, (_, pair) => halves(pair)));
}

async function servedHalves(guest: Guest, nic: Nic, pair: number): Promise<boolean[]> {
  const { model } = guest.served.get(nic).device;
  return [ixgbe.RXDCTL, ixgbe.TXDCTL].map(({ at, bits }) => (model.read(0, at(pair), 4) & bits.ENABLE.mask) !== 0);
}

async function virtioHalves(guest: Guest, nic: Nic, pair: number): Promise<boolean[]> {
  const queues = [receiveQueueIndex(pair), transmitQueueIndex(pair)];
  return Promise.all(queues.map((queue) => isVirtioQueueOn(guest, nic, queue)));
}

/** A queue that is off has no address; that of a further pair is not there before a driver has asked for such. */
async function isVirtioQueueOn({ monitor }: Guest, nic: Nic, queue: number): Promise<boolean> {
  const path = `/machine/peripheral/${nicName(nic)}/virtio-backend`;
  try {
    const state = await monitor.execute('x-query-virtio-queue-status', { path, queue });
    return (state as { readonly 'vring-desc': number })['vring-desc'] !== 0;
  } catch (error) {
    if (errorMessage(error).startsWith('Invalid virtqueue number')) return false;
    throw error;
  }
}

/**
 * No rule was broken, no access refused, no memory is kept. `abrupt`: no code of the driver ran any more, so that queues are on
 * while bus mastering is off, until the device is reset or opened again.
 */
export async function expectNothingLeft(guest: Guest, { abrupt = false } = {}): Promise<void> {
  const broken = guest.served.brokenRules();
  expect(abrupt ? broken.filter((rule) => rule !== 'dma.bus-master:') : broken).toEqual([]);
  expect((await guest.run('dmesg | grep "DMAR.*fault"')).stdout).toBe('');
  const free = await guest.output("awk '/^HugePages_Free/ {print $2}' /proc/meminfo");
  expect(free).toBe(String(guest.machine.hugePages));
}
