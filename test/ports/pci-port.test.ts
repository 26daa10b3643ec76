import { describe, expect, it } from 'vitest';
import { open } from '../../src/ports/index.ts';
import { virtioOptions } from '../../src/ports/pci-port.ts';

describe('PCI ports', () => {
  it('say that there is no such device', async () => {
    // Bus ff, device 1f, function 7 of the last domain: no machine has that.
    const error = await open('ffff:ff:1f.7').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_DEVICE_NOT_FOUND' });
    expect(String(error)).toContain('ffff:ff:1f.7');
    expect(String(error)).not.toContain('\n');
  });

  it('have parameters for VFIO and for virtio devices only', async () => {
    await expect(open('ffff:ff:1f.7?rate=10G')).rejects.toThrow(
      "port 'ffff:ff:1f.7?rate=10G': unknown parameter 'rate'; known: noiommu, ring, legacy, without",
    );
  });

  it('parse those for virtio before they look for the device', async () => {
    await expect(open('ffff:ff:1f.7?ring=round')).rejects.toThrow("parameter 'ring' must be one of split, packed");
    await expect(open('ffff:ff:1f.7?without=EVENT_INDEX')).rejects.toThrow("did you mean 'EVENT_IDX'?");
    await expect(open('ffff:ff:1f.7?ring=split&legacy=1&without=EVENT_IDX')).rejects.toMatchObject({
      code: 'ERR_DEVICE_NOT_FOUND',
    });
  });

  it('hand them to the driver for virtio, and to no other', () => {
    const none = { ring: undefined, legacy: undefined, without: undefined };
    expect(virtioOptions('a', 'ixgbe', none)).toEqual({});
    expect(virtioOptions('a', 'virtio', { ...none, legacy: false })).toEqual({ legacy: false });
    expect(() => virtioOptions('0000:03:00.0?ring=split', 'ixgbe', { ...none, ring: 'split' })).toThrow(
      "port '0000:03:00.0?ring=split': parameter 'ring' is for virtio devices, and this one's driver is ixgbe",
    );
  });
});
