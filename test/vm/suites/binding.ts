/** `ixy bind` and `ixy unbind` on a real kernel: a NIC goes to user space and comes back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCESS_PATHS, restore } from '../harness/binding.ts';
import { deviceProgram } from '../harness/device-program.ts';
import type { CommandOptions, Guest } from '../harness/guest.ts';
import { nicAddress, nicMac } from '../harness/nics.ts';
import { LEFT } from '../machines.ts';

const IXY = 'node dist/cli/main.js';
const ADDRESS = nicAddress(LEFT);
const DEVICE = `/sys/bus/pci/devices/${ADDRESS}`;
const NOBODY: CommandOptions = { user: 'nobody' };

export function testBinding(guest: () => Guest): void {
  describe('ixy bind', () => {
    let group = '';
    beforeAll(async () => {
      await guest().output(`modprobe -ra vfio-pci vfio_iommu_type1 || true`);
      group = `/dev/vfio/${(await guest().output(`readlink ${DEVICE}/iommu_group`)).split('/').at(-1)}`;
    });
    afterAll(() => restore(guest(), ADDRESS));

    const bound = async (): Promise<string> =>
      (await guest().output(`readlink ${DEVICE}/driver`)).split('/').at(-1) ?? '';

    it('is for root alone, and touches nothing otherwise', async () => {
      expect(await guest().run(`${IXY} bind ${ADDRESS} vfio-pci`, NOBODY)).toEqual({
        status: 1,
        stdout: '',
        stderr: `ixy: may not change ${DEVICE}/driver_override; run as root\n`,
      });
      expect(await bound()).toBe('e1000e');
    });

    it('refuses a NIC whose interface is in use, and says for what', async () => {
      const name = await guest().output(`ls ${DEVICE}/net`);
      await guest().output(`ip link set ${name} up && ip address add 10.9.8.7/24 dev ${name}`);
      await guest().output(`ip route add default via 10.9.8.1 dev ${name}`);
      const { status, stderr } = await guest().run(`${IXY} bind ${ADDRESS} vfio-pci`);
      expect(status).toBe(1);
      expect(stderr).toContain(`${ADDRESS} is in use: ${name} carries `);
      expect(stderr).toContain('the default route, a route to 10.9.8.0/24');
      expect(stderr).toContain('--force');
      expect(await bound()).toBe('e1000e');
    });

    it('refuses it where the interface lies in another network namespace, which hides what it is in use for', async () => {
      const { status, stderr } = await guest().run(
        `unshare -n -m sh -c 'mount -t sysfs sysfs /sys && ${IXY} bind ${ADDRESS} vfio-pci'`,
      );
      expect(status).toBe(1);
      expect(stderr).toContain(`${ADDRESS} has an interface in another network namespace`);
      expect(stderr).toContain('--force');
      expect(await bound()).toBe('e1000e');
    });

    it('takes it with --force, loads VFIO, and makes the group its owner’s', async () => {
      const binding = JSON.parse(await guest().output(`${IXY} bind ${ADDRESS} vfio-pci --force --owner nobody --json`));
      expect(binding).toMatchObject({
        previousDriver: 'e1000e',
        driver: 'vfio-pci',
        interfaces: [],
        lostInterfaces: [expect.stringMatching(/^eth\d$/)],
        groupFile: group,
        otherUsers: [],
      });
      expect(await bound()).toBe('vfio-pci');
      expect(await guest().output(`stat -c %U ${group}`)).toBe('nobody');
    });

    it('so that the owner can use it without root', async () => {
      const program = deviceProgram(
        ACCESS_PATHS.vfio,
        `const device = open('${ADDRESS}');
        print(device.bar(0).read32(0x5400));
        device.close();`,
      );
      const low = Buffer.from(nicMac(LEFT).replaceAll(':', ''), 'hex').readUInt32LE(0);
      expect(await guest().script(program, NOBODY)).toBe(low);
    });

    it('does not wait for a process that has it open, but refuses', async () => {
      const holder = guest().startScript(
        deviceProgram(ACCESS_PATHS.vfio, `open('${ADDRESS}'); console.log('open'); setInterval(() => {}, 1000);`),
      );
      await holder.printed('open');
      expect(await guest().run(`${IXY} bind ${ADDRESS} kernel`)).toEqual({
        status: 1,
        stdout: '',
        stderr: `ixy: ${ADDRESS}: a process has ${group} open; end it first\n`,
      });
      holder.kill('KILL');
      await holder.ended;
    });

    it('gives it back to the kernel, and the interface returns', async () => {
      expect(await guest().output(`${IXY} bind ${ADDRESS} kernel`)).toMatch(
        new RegExp(`^${ADDRESS}: from vfio-pci to e1000e\n  interface eth\\d$`),
      );
      expect(await guest().output(`cat ${DEVICE}/net/*/address`)).toBe(nicMac(LEFT));
    });

    it('gives it back on Ctrl-C with --restore-on-exit', async () => {
      const running = guest().start(`exec ${IXY} bind ${ADDRESS} uio_pci_generic --restore-on-exit`);
      await running.printed('to uio_pci_generic');
      expect(await bound()).toBe('uio_pci_generic');
      running.kill('INT');
      expect(await running.ended).toMatchObject({ status: 0, stderr: '' });
      expect(await bound()).toBe('e1000e');
    });

    it('unbinds it', async () => {
      await guest().output(`${IXY} unbind ${ADDRESS} && test ! -e ${DEVICE}/driver`);
    });
  });
}
