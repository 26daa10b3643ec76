/** What the EEPROM of an SFP+ module says of it (SFF-8472 revision 12, chapter 4: the page at address A0h). */

/** What is in the cage: a passive direct-attach cable, a 10GBASE-SR module, or nothing. */
export type SfpKind = 'da' | 'sr' | 'none';
export const SFP_KINDS: readonly SfpKind[] = ['da', 'sr', 'none'];

const PAGE_BYTES = 256;
const IDENTIFIER_SFP = 0x03;
const TWO_WIRE = 0x04;
const CONNECTOR_LC = 0x07;
const CONNECTOR_PIGTAIL = 0x21;
const ETHERNET_10G = 3;
const BASE_SR = 0x10;
const CABLE_TECHNOLOGY = 8;
const PASSIVE_CABLE = 0x04;
/** 10.3 Gbit/s in 100 Mbit/s, with 64B/66B. */
const SIGNALLING_RATE = 103;
const ENCODING_64B66B = 0x06;

const CC_BASE = 63;
const CC_EXT = 95;

/** The page of a module, with both its check codes. */
export function sfpModule(kind: 'da' | 'sr'): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  page.set([IDENTIFIER_SFP, TWO_WIRE]);
  page.set([ENCODING_64B66B, SIGNALLING_RATE], 11);
  if (kind === 'da') describeCable(page);
  else describeOptics(page);
  text(page, 20, 16, 'IXY.TS');
  text(page, 56, 4, '1');
  text(page, 68, 16, '0001');
  text(page, 84, 8, '260101');
  page[CC_BASE] = checkCode(page, 0, CC_BASE);
  page[CC_EXT] = checkCode(page, 64, CC_EXT);
  return page;
}

function describeCable(page: Uint8Array): void {
  page[2] = CONNECTOR_PIGTAIL;
  page[CABLE_TECHNOLOGY] = PASSIVE_CABLE;
  page[18] = 1; // metres of copper
  page[60] = 0x01; // compliant with SFF-8431, appendix E
  text(page, 40, 16, 'DIRECT-ATTACH-1M');
}

function describeOptics(page: Uint8Array): void {
  page[2] = CONNECTOR_LC;
  page[ETHERNET_10G] = BASE_SR;
  page.set([8, 3], 16); // tens of metres over OM2 and OM1
  page[19] = 30; // and OM3
  page.set([850 >>> 8, 850 & 0xff], 60); // nanometres
  text(page, 40, 16, '10GBASE-SR');
}

/** ASCII, padded with spaces. */
function text(page: Uint8Array, at: number, length: number, value: string): void {
  page.set(new TextEncoder().encode(value.padEnd(length).slice(0, length)), at);
}

function checkCode(page: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += page[i];
  return sum & 0xff;
}
