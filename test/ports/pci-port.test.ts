import { describe, expect, it } from 'vitest';
import { open } from '../../src/ports/index.ts';

describe('PCI ports', () => {
  it('say that there is no such device', async () => {
    // Bus ff, device 1f, function 7 of the last domain: no machine has that.
    const error = await open('ffff:ff:1f.7').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_DEVICE_NOT_FOUND' });
    expect(String(error)).toContain('ffff:ff:1f.7');
    expect(String(error)).not.toContain('\n');
  });

  it('have no parameters but for VFIO', async () => {
    await expect(open('ffff:ff:1f.7?rate=10G')).rejects.toThrow(
      "port 'ffff:ff:1f.7?rate=10G': unknown parameter 'rate'; known: noiommu",
    );
  });
});
