/** DMA of real devices: two NICs on one cable, driven by a few lines of JavaScript, share memory by every way there is. */
import { describe, expect, it } from 'vitest';
import { ACCESS_PATHS, type AccessPath, bindFor } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { deviceProgram } from './harness/device-program.ts';
import type { CommandOptions, Guest } from './harness/guest.ts';
import { type Nic, nicAddress } from './harness/nics.ts';

const NICS = [
  { model: 'e1000e', slot: 4, cable: 1 },
  { model: 'e1000e', slot: 5, cable: 1 },
] as const satisfies readonly Nic[];
const [LEFT, RIGHT] = NICS.map(nicAddress);
const HUGE_PAGE = 2 ** 21;

/** Opens both NICs on one huge page; `exchange` sends a frame from one to the other. */
function exchange(path: AccessPath, body: string): string {
  return deviceProgram(
    path,
    `const devices = ['${LEFT}', '${RIGHT}'].map(open);
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
  const groups = [LEFT, RIGHT].map((address) => `$(basename $(readlink /sys/bus/pci/devices/${address}/iommu_group))`);
  await guest.output(groups.map((group) => `chown nobody /dev/vfio/${group}`).join(' && '));
  return { user: 'nobody', lockableMemory: 2 * HUGE_PAGE };
}

const BOOTS: readonly (readonly AccessPath[])[] = [
  [ACCESS_PATHS.sysfs, ACCESS_PATHS.uio],
  [ACCESS_PATHS.vfio],
  [ACCESS_PATHS.vfioNoIommu],
];

for (const paths of BOOTS) {
  const names = paths.map((path) => path.name).join(' and ');
  describeGuest(`DMA through ${names}`, { nics: NICS, hugePages: 4, ...paths[0].machine }, (guest) => {
    describe.each(paths)('$name', (path) => {
      it('brings a frame from one NIC to the other and back, without a copy in between', async () => {
        await bindFor(guest(), path, LEFT, RIGHT);
        const options = path === ACCESS_PATHS.vfio ? await asNobody(guest()) : {};
        expect(await guest().script(exchange(path, THERE_AND_BACK), options)).toEqual({
          sameDomain: true,
          sent: true,
          there: 200,
          sentOn: true,
          back: 200,
          bytes: Array.from({ length: 200 }, (_, index) => index),
        });
        expect(await dmaFaults(guest())).toBe('');
        expect(await guest().output("awk '/^HugePages_Free/ {print $2}' /proc/meminfo")).toBe('4');
      });
    });

    if (!paths[0].machine.iommu) return;
    it('goes nowhere but to memory that was mapped', async () => {
      await bindFor(guest(), ACCESS_PATHS.vfio, LEFT, RIGHT);
      const stray = `print(await left.send(addressOf(0) + ${2 * HUGE_PAGE}, 200));`;
      await guest().script(exchange(ACCESS_PATHS.vfio, stray));
      expect(await dmaFaults(guest())).toContain(LEFT.slice('0000:'.length));
    });
  });
}
