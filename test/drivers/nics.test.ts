import { describe, expect, it } from 'vitest';
import { findNicDriver, requireNicDriver } from '../../src/drivers/nics.ts';

const device = (vendorId: number, deviceId: number) => ({ address: '0000:03:00.0', vendorId, deviceId });

describe('the driver of a NIC', () => {
  it.each([
    [0x8086, 0x10fb, 'ixgbe'],
    [0x1af4, 0x1000, 'virtio'],
    [0x1af4, 0x1041, 'virtio'],
  ])('%i:%i is %s', (vendorId, deviceId, name) => {
    expect(findNicDriver(vendorId, deviceId)?.name).toBe(name);
    expect(requireNicDriver(device(vendorId, deviceId)).name).toBe(name);
  });

  it.each([
    ['a NIC of another vendor', 0x14e4, 0x16d7, /0000:03:00\.0 \(14e4:16d7\) is no device that a driver here knows/],
    ['a NIC of Intel’s that is no relative of the 82599', 0x8086, 0x1533, /0000:03:00\.0 \(8086:1533\)/],
    ['a virtual function', 0x8086, 0x10ed, /0000:03:00\.0 \(8086:10ed\)/],
    ['a virtio disk', 0x1af4, 0x1042, /0000:03:00\.0 \(1af4:1042\)/],
  ])('%s has none, which is said', (_, vendorId, deviceId, message) => {
    expect(findNicDriver(vendorId, deviceId)).toBeUndefined();
    expect(() => requireNicDriver(device(vendorId, deviceId))).toThrow(
      expect.objectContaining({ code: 'ERR_DEVICE_UNSUPPORTED', message: expect.stringMatching(message) }),
    );
  });
});
