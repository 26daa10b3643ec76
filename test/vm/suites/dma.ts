/** DMA of real devices: two NICs on one cable, driven by a few lines of JavaScript, share memory by every way there is. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AccessPath, bindFor, restore } from '../harness/binding.ts';
import { deviceProgram } from '../harness/device-program.ts';
import type { CommandOptions, Guest } from '../harness/guest.ts';
import { nicAddress } from '../harness/nics.ts';
import { HUGE_PAGES, LEFT, RIGHT } from '../machines.ts';

const [ONE, OTHER] = [LEFT, RIGHT].map(nicAddress);
const HUGE_PAGE = 2 ** 21;

/** Opens both NICs on one huge page; `exchange` sends a frame from one to the other. */
function exchange(path: AccessPath, body: string): string {
  return deviceProgram(
    path,
    `const devices = ['${ONE}', '${OTHER}'].map(open);
    const memory = allocateHugeMemory(${HUGE_PAGE});
    for (const { dma } of devices) dma.map(memory);
    for (const device of devices) device.setBusMaster(true);
    const [left, right] = devices.map((device, index) => new E1000e(device, memory, index * 4096));
    const bytes = new Uint8Array(memory.buffer);
    const addressOf = (offset) => devices[0].dma.addressOf(memory, offset);
    const sameDomain = devices[0].dma === devices[1].dma;
    ${body}
    for (const device of devices) device.close();`,
  );
}

/** Left sends a frame, right sends on what it received, where it lies; what left then has is printed. */
const THERE_AND_BACK = `
  const [first, second, third] = [0x10000, 0x11000, 0x12000];
  const frame = Uint8Array.from({ length: 200 }, (_, index) => index);
  bytes.set(frame, first);
  const atRight = right.offer(addressOf(second));
  const atLeft = left.offer(addressOf(third));
  const sent = await left.send(addressOf(first), frame.length);
  const there = await atRight();
  const sentOn = await right.send(addressOf(second), there);
  const back = await atLeft();
  print({ sameDomain, sent, there, sentOn, back, bytes: [...bytes.subarray(third, third + frame.length)] });`;

async function dmaFaults(guest: Guest): Promise<string> {
  return (await guest.run('dmesg | grep "DMAR.*fault"')).stdout;
}

/** The groups of both devices belong to 'nobody', who may lock little more than the page. */
async function asNobody(guest: Guest): Promise<CommandOptions> {
  const groups = [ONE, OTHER].map((address) => `$(basename $(readlink /sys/bus/pci/devices/${address}/iommu_group))`);
  await guest.output(groups.map((group) => `chown nobody /dev/vfio/${group}`).join(' && '));
  return { user: 'nobody', lockableMemory: 2 * HUGE_PAGE };
}

export function testDma(guest: () => Guest, path: AccessPath): void {
  describe('DMA', () => {
    beforeAll(() => bindFor(guest(), path, ONE, OTHER));
    afterAll(() => restore(guest(), ONE, OTHER));

    it('brings a frame from one NIC to the other and back, without a copy in between', async () => {
      const options = path.machine.iommu ? await asNobody(guest()) : {};
      expect(await guest().script(exchange(path, THERE_AND_BACK), options)).toEqual({
        sameDomain: true,
        sent: true,
        there: 200,
        sentOn: true,
        back: 200,
        bytes: Array.from({ length: 200 }, (_, index) => index),
      });
      expect(await dmaFaults(guest())).toBe('');
      expect(await guest().output("awk '/^HugePages_Free/ {print $2}' /proc/meminfo")).toBe(String(HUGE_PAGES));
    });

    if (!path.machine.iommu) return;
    it('goes nowhere but to memory that was mapped', async () => {
      const stray = `print(await left.send(addressOf(0) + ${2 * HUGE_PAGE}, 200));`;
      await guest().script(exchange(path, stray));
      expect(await dmaFaults(guest())).toContain(ONE.slice('0000:'.length));
    });
  });
}
