/** MSI-X of any emulated device: found in configuration space, set up as a kernel does, and sending messages. */
import { describe, expect, it } from 'vitest';
import { CLASS_ETHERNET, ConfigBuilder } from '../../src/emulation/config-builder.ts';
import { type MsixCapability, msixCapability } from '../../src/emulation/msix-capability.ts';
import { setUpMsix } from '../../src/emulation/msix-setup.ts';
import { MsixTable } from '../../src/emulation/msix-table.ts';

const PORTS = 0;
const CAPABILITY: MsixCapability = { control: 0x62, vectors: 40, bar: 1, table: 0x400, pending: 0x800 };
const ENTRY_BYTES = 16;
const FUNCTION_MASK = 1 << 14;

function builder(): ConfigBuilder {
  const ids = { vendorId: 0x1234, deviceId: 0x5678, subsystemVendorId: 1, subsystemId: 2 };
  const made = new ConfigBuilder(256, { ...ids, revision: 3, classCode: CLASS_ETHERNET });
  made.bar(PORTS, 'ports', 32);
  made.capability(0x40, 0x09);
  return made;
}

function device() {
  const made = builder();
  made.bar(CAPABILITY.bar, 'memory32', 0x1000);
  made.msixCapability(CAPABILITY);
  made.capability(0x80, 0x09);
  const config = made.build();
  const table = new MsixTable(config, CAPABILITY, 0x1000);
  const messages: number[] = [];
  table.onMessage = (vector) => messages.push(vector);
  const target = { config, capability: CAPABILITY, write: (at: number, value: number) => table.write(at, value) };
  return { config, table, messages, setUp: (vectors: number) => setUpMsix(target, vectors) };
}

describe('configuration space as it is built', () => {
  it('says what the device is, and of which sizes its BARs are', () => {
    const { config } = device();
    expect([0x00, 0x08, 0x2c].map((at) => config.read32(at))).toEqual([0x5678_1234, 0x0200_0003, 0x0002_0001]);
    for (const at of [0x10, 0x14]) config.write32(at, 0xffff_ffff);
    expect([config.read32(0x10), config.read32(0x14)]).toEqual([0xffff_ffe1, 0xffff_f000]);
  });

  it('links its capabilities', () => {
    const { config } = device();
    expect([0x34, 0x41, 0x61, 0x81].map((at) => config.read8(at))).toEqual([0x40, 0x60, 0x80, 0]);
  });
});

describe('the capability of MSI-X', () => {
  it('is found among others', () => {
    expect(msixCapability(device().config)).toEqual(CAPABILITY);
  });

  it('may be absent, as may all of them', () => {
    expect(msixCapability(builder().build())).toBe(undefined);
    const none = new ConfigBuilder(256, {
      vendorId: 1,
      deviceId: 2,
      revision: 0,
      classCode: 0,
      subsystemVendorId: 0,
      subsystemId: 0,
    });
    expect(msixCapability(none.build())).toBe(undefined);
  });

  it('is looked for in a list that ends, even if it is a circle', () => {
    const made = builder();
    made.content.setUint8(0x41, 0x40);
    expect(msixCapability(made.build())).toBe(undefined);
  });
});

describe('the table of MSI-X', () => {
  it('sends through the vectors that were set up, and keeps what comes for others', () => {
    const { table, messages, setUp } = device();
    expect(table.enabled).toBe(false);
    setUp(2);
    expect(table.enabled).toBe(true);
    for (const vector of [1, 39, 0]) table.post(vector);
    expect(messages).toEqual([1, 0]);
    expect(table.read(CAPABILITY.pending + 4)).toBe(1 << 7);
    setUp(40);
    expect(messages).toEqual([1, 0, 39]);
    expect(table.read(CAPABILITY.pending + 4)).toBe(0);
    setUp(0);
    expect(table.enabled).toBe(false);
  });

  it('keeps everything back while the whole function is masked', () => {
    const { config, table, messages, setUp } = device();
    setUp(40);
    config.write16(CAPABILITY.control, config.read16(CAPABILITY.control) | FUNCTION_MASK);
    table.post(3);
    expect(messages).toEqual([]);
    expect(table.read(CAPABILITY.pending)).toBe(1 << 3);
  });

  it('lies where the capability says, and nothing else of its BAR can be written', () => {
    const { table } = device();
    const last = CAPABILITY.table + 39 * ENTRY_BYTES;
    const places = [0, CAPABILITY.table, last, last + ENTRY_BYTES, CAPABILITY.pending];
    for (const at of places) table.write(at, 0x1000);
    expect(places.map((at) => table.read(at))).toEqual([0, 0x1000, 0x1000, 0, 0]);
    table.reset();
    expect(places.map((at) => table.read(at))).toEqual([0, 0, 0, 0, 0]);
    expect(table.read(last + 12)).toBe(1);
  });
});
