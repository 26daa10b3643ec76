/** MAC addresses that a station may have. */
import { IxyError } from '../errors.ts';
import { isMulticastMac, parseMac, writeMac } from '../packets/addresses.ts';

/** The six bytes of 'aa:bb:cc:dd:ee:ff' (or with '-'), if a station may have them. Throws `ERR_ARGUMENT`. */
export function parseStationAddress(text: string): Uint8Array {
  const mac = parseMac(text);
  if (!mayBeStation(mac)) {
    throw new IxyError('ERR_ARGUMENT', `a station's MAC address is neither zero nor multicast, found '${text}'`);
  }
  const bytes = new Uint8Array(6);
  writeMac(bytes, 0, mac);
  return bytes;
}

/** Whether a MAC address is one that a station may have: neither zero nor a group's. */
export function isStationAddress(text: string): boolean {
  return mayBeStation(parseMac(text));
}

function mayBeStation(mac: number): boolean {
  return mac !== 0 && !isMulticastMac(mac);
}
