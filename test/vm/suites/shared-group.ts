/** Two NICs that the IOMMU cannot tell apart, as it knows only the bridge in front of both. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCESS_PATHS, bindFor, restore } from '../harness/binding.ts';
import { deviceProgram } from '../harness/device-program.ts';
import type { Guest } from '../harness/guest.ts';
import { type Nic, nicAddress, nicMac } from '../harness/nics.ts';

export const SHARING = [
  { model: 'e1000', slot: 4, conventional: true },
  { model: 'e1000', slot: 5, conventional: true },
] as const satisfies readonly Nic[];

const path = ACCESS_PATHS.vfio;
const [ONE, OTHER] = SHARING.map(nicAddress);
const GROUP_LINKS = [ONE, OTHER].map((address) => `/sys/bus/pci/devices/${address}/iommu_group`);

/** Opens devices together; prints the low half of each one's MAC address, or the error. */
const opened = (...addresses: string[]): string =>
  deviceProgram(
    path,
    `const devices = [];
    try {
      for (const address of ${JSON.stringify(addresses)}) devices.push(open(address));
      print(devices.map((device) => device.bar(0).read32(0x5400)));
    } catch (error) {
      print([error.code, error.message]);
    }
    for (const device of devices) device.close();`,
  );

const macOf = (nic: Nic): number => Buffer.from(nicMac(nic).replaceAll(':', ''), 'hex').readUInt32LE(0);

export function testSharedGroup(guest: () => Guest): void {
  describe('two NICs in one IOMMU group', () => {
    beforeAll(() => bindFor(guest(), path, ONE));
    afterAll(() => restore(guest(), ONE, OTHER));

    it('are refused while a kernel driver has one of them, which the error names', async () => {
      const groups = await guest().output(`readlink ${GROUP_LINKS.join(' ')}`);
      const [group, ...others] = new Set(groups.split('\n').map((path) => path.split('/').at(-1)));
      expect(others).toEqual([]);
      expect(await guest().script(opened(ONE))).toEqual([
        'ERR_DEVICE_BUSY',
        `${ONE}: IOMMU group ${group} is not viable: it also has ${OTHER} (bound to e1000); ` +
          'bind all its devices to vfio-pci, or put the card into another slot',
      ]);
    });

    it('one can be used once the other has no driver, and both once they are bound', async () => {
      await guest().output(`echo ${OTHER} > /sys/bus/pci/devices/${OTHER}/driver/unbind`);
      expect(await guest().script(opened(ONE))).toEqual([macOf(SHARING[0])]);
      await bindFor(guest(), path, OTHER);
      expect(await guest().script(opened(ONE, OTHER))).toEqual(SHARING.map(macOf));
    });
  });
}
