import { describe, expect, it } from 'vitest';
import { bindingText } from '../../src/cli/bind.ts';

const BOUND = {
  address: '0000:03:00.0',
  previousDriver: 'ixgbe',
  driver: 'vfio-pci',
  interfaces: [],
  lostInterfaces: ['eth0'],
  groupFile: '/dev/vfio/12',
  otherUsers: [],
};

describe('ixy bind', () => {
  it('says what has changed hands', () => {
    expect(bindingText(BOUND)).toEqual([
      '0000:03:00.0: from ixgbe to vfio-pci',
      '  the system has lost eth0',
      '  VFIO group /dev/vfio/12',
    ]);
  });

  it('says that nothing has', () => {
    expect(bindingText({ ...BOUND, previousDriver: 'vfio-pci', lostInterfaces: [] })[0]).toBe(
      '0000:03:00.0 is bound to vfio-pci already',
    );
    expect(bindingText({ ...BOUND, previousDriver: null, driver: null, groupFile: null, lostInterfaces: [] })).toEqual([
      '0000:03:00.0 has no driver already',
    ]);
  });

  it('names who keeps the group from being used', () => {
    const lines = bindingText({ ...BOUND, otherUsers: ['0000:03:00.1 (bound to ixgbe)'] });
    expect(lines.at(-1)).toContain('not viable: it also has 0000:03:00.1 (bound to ixgbe); bind all');
  });
});
