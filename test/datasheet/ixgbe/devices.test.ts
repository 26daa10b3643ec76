import { describe, expect, test } from 'vitest';
import * as descriptors from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbeModels, ixgbeRefusals } from '../../../src/datasheet/ixgbe/devices.ts';

describe('the device table', () => {
  test('knows the usual cards', () => {
    expect(ixgbeModels.get(0x10fb)).toMatchObject({
      mac: '82599',
      media: 'sfp',
      name: expect.stringContaining('82599ES'),
    });
    expect(ixgbeModels.get(0x10f8)).toMatchObject({ mac: '82599', media: 'backplane' });
    expect(ixgbeModels.get(0x1528)).toMatchObject({ mac: 'X540', media: 'copper' });
    expect(ixgbeModels.get(0x1563)).toMatchObject({ mac: 'X550', media: 'copper' });
  });

  test('gives every model a name of its own, and never both drives and refuses an id', () => {
    const names = [...ixgbeModels.values()].map((model) => model.name);
    expect(new Set(names).size).toBe(names.length);
    for (const [id, model] of ixgbeModels) {
      expect(model.deviceId).toBe(id);
      expect(ixgbeRefusals.has(id)).toBe(false);
    }
  });

  test('says why it refuses relatives', () => {
    expect(ixgbeRefusals.get(0x10ed)).toContain('virtual function');
    expect(ixgbeRefusals.get(0x10c6)).toContain('82598');
  });
});

describe('descriptor constants', () => {
  test('are int32 numbers, so that hot code stays in small integers', () => {
    for (const [name, value] of Object.entries(descriptors)) expect(value | 0, name).toBe(value);
  });

  test('put the advanced transmit command together', () => {
    expect(descriptors.TX_CMD_DATA).toBe(0x22300000);
  });
});
