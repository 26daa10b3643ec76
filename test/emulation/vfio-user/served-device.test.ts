import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { ServedDevice } from '../../../src/emulation/vfio-user/index.ts';
import { PCI_COMMAND } from '../../../src/pci/pci-device.ts';
import { deviceInfo, IRQ, irqInfo, REGION, regionAccess, regionInfo } from '../../../src/pci/vfio-user/payloads.ts';
import { COMMAND } from '../../../src/pci/vfio-user/protocol.ts';
import { Lab, refused } from './lab.ts';
import { encodeWriteMulti, post } from './messages.ts';

const { EINVAL, ENOTSUP } = constants.errno;

describe('a served device', () => {
  it('says what it has', () => {
    const { client } = new Lab();
    expect(client.version).toEqual({
      major: 0,
      minor: 0,
      maximumDescriptors: 16,
      maximumTransfer: 1 << 20,
      doorbells: false,
    });
    expect(deviceInfo.decode(client.call(COMMAND.DEVICE_GET_INFO, deviceInfo.encode({ argsz: 16 })))).toEqual({
      argsz: 16,
      flags: 3,
      regions: 9,
      irqs: 5,
    });
    const sizes = Array.from({ length: 9 }, (_, index) => {
      const reply = client.call(COMMAND.GET_REGION_INFO, regionInfo.encode({ argsz: 32, index }));
      return regionInfo.decode(reply).size;
    });
    expect(sizes).toEqual([0x2_0000, 0, 0, 0, 0x4000, 0, 0, 4096, 0]);
    const vectors = Array.from({ length: 5 }, (_, index) => {
      const { count, flags } = irqInfo.decode(client.call(COMMAND.GET_IRQ_INFO, irqInfo.encode({ argsz: 16, index })));
      return [count, flags];
    });
    expect([vectors[IRQ.intx], vectors[IRQ.msix], vectors[IRQ.error], vectors[IRQ.request]]).toEqual([
      [1, 7],
      [64, 1],
      [0, 0],
      [0, 0],
    ]);
  });

  it('has a configuration space, in one piece or in bytes, whose BARs tell their sizes', () => {
    const lab = new Lab();
    const whole = lab.read(REGION.config, 0, 4096);
    expect(whole.readUInt32LE(0)).toBe(0x10fb_8086);
    expect(lab.read(REGION.config, 1, 3)).toEqual(whole.subarray(1, 4));
    lab.write32(REGION.config, 0x10, 0xffff_ffff);
    expect(lab.read32(REGION.config, 0x10)).toBe(0xfffe_0004);
    lab.write32(REGION.config, 0x10, 0xfebc_0000);
    expect(lab.read32(REGION.config, 0x10)).toBe(0xfebc_0004);
    lab.write(REGION.config, PCI_COMMAND, new Uint8Array([6]));
    expect(lab.read(REGION.config, PCI_COMMAND, 2).readUInt16LE()).toBe(6);
  });

  it('has a configuration space of 256 bytes if it is conventional', () => {
    const lab = new Lab({ device: ServedDevice.create('virtio', { kind: 'legacy' }) });
    const info = regionInfo.decode(
      lab.client.call(COMMAND.GET_REGION_INFO, regionInfo.encode({ index: REGION.config })),
    );
    expect(info.size).toBe(256);
    expect(lab.read(REGION.config, 0, 256).readUInt32LE()).toBe(0x1000_1af4);
    expect(() => lab.read(REGION.config, 256, 4)).toThrow(refused(EINVAL));
  });

  it('has registers, read in parts and written in runs', () => {
    const lab = new Lab();
    const [low, high] = [ixgbe.RAL.at(1), ixgbe.RAH.at(1)];
    lab.write(0, low, new Uint8Array([1, 2, 3, 4, 5, 6, 0, 0]));
    expect([lab.read32(0, low), lab.read32(0, high)]).toEqual([0x0403_0201, 0x0605]);
    expect([...lab.read(0, low, 8)]).toEqual([1, 2, 3, 4, 5, 6, 0, 0]);
    expect([...lab.read(0, low + 1, 2)]).toEqual([2, 3]);
  });

  it('takes posted writes, alone and together, in order', () => {
    const lab = new Lab();
    const data = (value: number) => new Uint8Array([value, 0, 0, 0]);
    const at = ixgbe.RAL.at(1);
    post(lab.client, COMMAND.REGION_WRITE, regionAccess.encode({ offset: at, region: 0, count: 4 }, data(1)));
    expect(lab.read32(0, at)).toBe(1);
    const writes = [2, 3].map((value) => ({ offset: at, region: 0, data: data(value) }));
    post(lab.client, COMMAND.WRITE_MULTI, encodeWriteMulti(writes));
    expect(lab.read32(0, at)).toBe(3);
    expect(lab.device.regions.writes).toBe(3);
  });

  it.each([
    ['beyond a BAR', (lab: Lab) => lab.read(0, 0x1_fffe, 4)],
    ['of a BAR that is not there', (lab: Lab) => lab.read(1, 0, 4)],
    ['of nothing', (lab: Lab) => lab.read(0, 0, 0)],
    ['of a region that is none', (lab: Lab) => lab.read(1000, 0, 4)],
    ['narrower than the registers, when writing', (lab: Lab) => lab.write(0, 8, new Uint8Array(2))],
    ['between two registers, when writing', (lab: Lab) => lab.write(0, 9, new Uint8Array(4))],
    ['longer than any register, when writing', (lab: Lab) => lab.write(0, 0, new Uint8Array(128))],
  ])('refuses accesses %s, and goes on', (_, access) => {
    const lab = new Lab();
    expect(() => access(lab)).toThrow(refused(EINVAL));
    expect(lab.warnings).toHaveLength(1);
    expect(lab.read32(0, ixgbe.STATUS.at(0))).toBeGreaterThan(0);
  });

  it('refuses commands that it does not know', () => {
    const lab = new Lab();
    for (const command of [6, 14, 99])
      expect(() => lab.client.call(command, new Uint8Array(4))).toThrow(refused(ENOTSUP));
  });

  it('is reset', () => {
    const lab = new Lab();
    lab.write32(0, ixgbe.RAL.at(1), 77);
    lab.reset();
    expect(lab.read32(0, ixgbe.RAL.at(1))).toBe(0);
  });

  it('tells an observer of each access', () => {
    const lab = new Lab();
    const seen: unknown[] = [];
    lab.device.regions.onAccess = (...access) => seen.push(access);
    lab.write32(0, ixgbe.RAL.at(1), 0x8000_0001);
    lab.read(REGION.config, 0, 6);
    expect(seen).toEqual([
      [true, 0, ixgbe.RAL.at(1), 4, 0x8000_0001],
      [false, 7, 0, 4, 0x10fb_8086],
      [false, 7, 4, 2, 0],
    ]);
  });
});
