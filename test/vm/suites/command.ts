/** `ixy list` and `ixy info` on a machine with real PCI devices, an IOMMU and kernel drivers. */
import { describe, expect, it } from 'vitest';
import type { ListedDevice } from '../../../src/cli/list.ts';
import { ACCESS_PATHS, bindFor, restore } from '../harness/binding.ts';
import type { Guest } from '../harness/guest.ts';
import { NIC_MODELS, type NicModel, nicAddress } from '../harness/nics.ts';
import { LEFT, NICS } from '../machines.ts';

const IXY = 'node dist/cli/main.js';
const E1000E = nicAddress(LEFT);

export function testCommand(guest: () => Guest): void {
  describe('the ixy command', () => {
    async function list(): Promise<readonly ListedDevice[]> {
      return JSON.parse(await guest().output(`${IXY} list --json`, { user: 'nobody' })).devices;
    }

    it('lists the NICs, without root', async () => {
      const links = NICS.map((nic) => `/sys/bus/pci/devices/${nicAddress(nic)}`);
      const groups = await guest().output(`readlink ${links.map((link) => `${link}/iommu_group`).join(' ')}`);
      const numbers = groups.split('\n').map((path) => Number(path.split('/').at(-1)));
      expect(new Set(numbers).size).toBe(NICS.length);
      const interfaces = await guest().output('ls /sys/class/net');
      const devices = await list();
      expect(devices).toEqual(
        NICS.map((nic, index) => {
          const { vendorId, deviceId, kernelDriver, supportedBy }: NicModel = NIC_MODELS[nic.model];
          return expect.objectContaining({
            address: nicAddress(nic),
            id: `${vendorId.toString(16)}:${deviceId.toString(16)}`,
            driver: kernelDriver,
            interfaces: [expect.stringMatching(/^eth\d$/)],
            iommuGroup: numbers[index],
            iommuType: expect.stringMatching(/^DMA/),
            numaNode: null,
            supportedBy: supportedBy ?? null,
          });
        }),
      );
      expect(devices.flatMap((device) => device.interfaces).sort()).toEqual(
        interfaces.split('\n').filter((name) => name !== 'lo'),
      );
    });

    it('shows a binding that has changed', async () => {
      await bindFor(guest(), ACCESS_PATHS.vfio, E1000E);
      expect((await list())[0]).toMatchObject({ address: E1000E, driver: 'vfio-pci', interfaces: [] });
      await restore(guest(), E1000E);
      expect(await guest().output(`ls /sys/bus/pci/drivers/e1000e`)).toContain(E1000E);
    });

    it('refuses a NIC that it does not know, and gives no advice to take it from the kernel', async () => {
      const { status, stdout, stderr } = await guest().run(`${IXY} info ${E1000E}`);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(new RegExp(`^ixy: ${E1000E} \\(8086:10d3\\) is no device that [^\\n]*\\n$`));
      expect(stderr).not.toContain('bind');
    });
  });
}
