/** PCI ids of the 82599 family: which MAC, which kind of link, and how people name the part. */

export const INTEL_VENDOR_ID = 0x8086;

export type IxgbeMac = '82599' | 'X540' | 'X550' | 'X550EM_x';

/**
 * How the port is wired: `sfp` (SFI to an SFP+ cage), `backplane` (KX, KX4, KR), `cx4` (XAUI to a CX4 connector),
 * `copper` (10GBASE-T behind a PHY that negotiates by itself).
 */
export type IxgbeMedia = 'sfp' | 'backplane' | 'cx4' | 'copper';

export interface IxgbeModel {
  readonly deviceId: number;
  readonly name: string;
  readonly mac: IxgbeMac;
  readonly media: IxgbeMedia;
}

function model(deviceId: number, mac: IxgbeMac, media: IxgbeMedia, name: string): [number, IxgbeModel] {
  return [deviceId, { deviceId, name: `Intel ${name}`, mac, media }];
}

/** Physical functions that the driver knows, by PCI device id. */
export const ixgbeModels: ReadonlyMap<number, IxgbeModel> = new Map([
  model(0x10f7, '82599', 'backplane', '82599EB 10-Gigabit KX4'),
  model(0x10f8, '82599', 'backplane', '82599 10-Gigabit KX/KX4/KR dual port backplane'),
  model(0x10f9, '82599', 'cx4', '82599EB 10-Gigabit CX4 dual port'),
  model(0x10fb, '82599', 'sfp', '82599ES 10-Gigabit SFI/SFP+'),
  model(0x10fc, '82599', 'backplane', '82599 10-Gigabit XAUI/BX4'),
  model(0x1507, '82599', 'sfp', '82599 10-Gigabit SFP+ (EM)'),
  model(0x1514, '82599', 'backplane', '82599 10-Gigabit KX4 mezzanine (X520)'),
  model(0x1517, '82599', 'backplane', '82599ES 10-Gigabit KR'),
  model(0x151c, '82599', 'copper', '82599 10-Gigabit 10GBASE-T'),
  model(0x1529, '82599', 'sfp', '82599 10-Gigabit SFP+ with FCoE'),
  model(0x152a, '82599', 'backplane', '82599 10-Gigabit backplane with FCoE'),
  model(0x154a, '82599', 'sfp', '82599 10-Gigabit SFP+ quad port (X520-4)'),
  model(0x154d, '82599', 'sfp', '82599 10-Gigabit SFP+ (X520-2 SF2)'),
  model(0x1557, '82599', 'sfp', '82599EN 10-Gigabit SFP+'),
  model(0x1558, '82599', 'sfp', '82599 10-Gigabit QSFP+ quad port (X520-Q1)'),
  model(0x1528, 'X540', 'copper', 'X540-AT2 10GBASE-T'),
  model(0x1560, 'X540', 'copper', 'X540-AT1 10GBASE-T'),
  model(0x1563, 'X550', 'copper', 'X550-AT2 10GBASE-T'),
  model(0x15d1, 'X550', 'copper', 'X550-AT 10GBASE-T'),
  model(0x15aa, 'X550EM_x', 'backplane', 'X552 10-Gigabit KX4'),
  model(0x15ab, 'X550EM_x', 'backplane', 'X552 10-Gigabit KR'),
  model(0x15ac, 'X550EM_x', 'sfp', 'X552 10-Gigabit SFP+'),
  model(0x15ad, 'X550EM_x', 'copper', 'X552/X557-AT 10GBASE-T'),
  model(0x15ae, 'X550EM_x', 'copper', 'X552 1000BASE-T'),
]);

const virtualFunction = 'a virtual function; open its physical function, ixy.ts drives no ixgbe VF yet';
const predecessor = 'an 82598, whose rings and registers differ from the 82599';
const embedded = 'an X550EM_a (X553), whose semaphore and EEPROM registers lie elsewhere than the 82599 has them';
const successor = 'an E610, which is driven through firmware commands';

function refuse(reason: string, ...deviceIds: number[]): [number, string][] {
  return deviceIds.map((deviceId) => [deviceId, reason]);
}

/** Relatives that the driver refuses, by PCI device id, with the reason as the end of «0000:03:00.0 is …». */
export const ixgbeRefusals: ReadonlyMap<number, string> = new Map([
  ...refuse(virtualFunction, 0x10ed, 0x152e, 0x1515, 0x1530, 0x1564, 0x1565, 0x15a8, 0x15a9, 0x15b4, 0x15c5),
  ...refuse(
    predecessor,
    0x10b6,
    0x1508,
    0x10c6,
    0x10c7,
    0x10c8,
    0x150b,
    0x10db,
    0x10dd,
    0x10ec,
    0x10f1,
    0x10e1,
    0x10f4,
  ),
  ...refuse(embedded, 0x15c2, 0x15c3, 0x15c4, 0x15c6, 0x15c7, 0x15c8, 0x15ca, 0x15cc, 0x15ce, 0x15e4, 0x15e5),
  ...refuse(successor, 0x57ae, 0x57af, 0x57b0, 0x57b1, 0x57b2),
]);
