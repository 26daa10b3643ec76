import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PciIds } from '../../src/pci/pci-ids.ts';
import { temporaryDirectory } from '../support/process.ts';

const TEXT = `#
# List of PCI ID's
#
1af4  Red Hat, Inc.
\t1000  Virtio network device
\t\t01de fffb  subsystem 10fb
8086  Intel Corporation
# a comment inside a section
\t10fb  82599ES 10-Gigabit SFI/SFP+ Network Connection
\t\t8086 0003  Ethernet Server Adapter X520-2
\t1528  Ethernet Controller 10-Gigabit X540-AT2
ffff  Illegal Vendor ID
C 02  Network controller
\t00  Ethernet controller
`;

function file(text: string): string {
  const path = join(temporaryDirectory(), 'pci.ids');
  writeFileSync(path, text);
  return path;
}

describe('pci.ids', () => {
  it.each([
    [0x8086, 0x10fb, 'Intel Corporation', '82599ES 10-Gigabit SFI/SFP+ Network Connection'],
    [0x8086, 0x1528, 'Intel Corporation', 'Ethernet Controller 10-Gigabit X540-AT2'],
    [0x1af4, 0x1000, 'Red Hat, Inc.', 'Virtio network device'],
    [0xffff, 0x0001, 'Illegal Vendor ID', undefined],
  ])('%i:%i', (vendorId, deviceId, vendor, device) => {
    expect(new PciIds([file(TEXT)]).lookup(vendorId, deviceId)).toEqual({ vendor, device });
  });

  it('a device is looked for among its own vendor’s only', () => {
    expect(new PciIds([file(TEXT)]).lookup(0x1af4, 0x10fb)).toEqual({ vendor: 'Red Hat, Inc.', device: undefined });
  });

  it('an unknown vendor, and a subsystem’s id, is no name', () => {
    const ids = new PciIds([file(TEXT)]);
    expect(ids.lookup(0x1234, 0x10fb)).toEqual({ vendor: undefined, device: undefined });
    expect(ids.lookup(0x8086, 0x0003).device).toBeUndefined();
  });

  it('the first file that exists counts; without any there are no names', () => {
    const missing = join(temporaryDirectory(), 'pci.ids');
    expect(new PciIds([missing, file(TEXT), file('')]).lookup(0x8086, 0).vendor).toBe('Intel Corporation');
    expect(new PciIds([missing]).lookup(0x8086, 0x10fb)).toEqual({ vendor: undefined, device: undefined });
  });

  it('a file without a final line end is read to its end', () => {
    const path = file(TEXT.slice(0, TEXT.indexOf('\nffff')));
    expect(readFileSync(path, 'utf8').endsWith('X540-AT2')).toBe(true);
    expect(new PciIds([path]).lookup(0x8086, 0x1528).device).toBe('Ethernet Controller 10-Gigabit X540-AT2');
  });
});
