/** PCI addresses as people and sysfs write them: domain:bus:device.function, in hexadecimal. */
import { hexDigits } from '../hexadecimal.ts';

interface PciAddress {
  /** 0 … 2^32−1; almost always 0. */
  readonly domain: number;
  readonly bus: number;
  readonly device: number;
  readonly function: number;
}

const ADDRESS = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/i;

/** Understands '0000:03:00.0' and, in domain 0, '03:00.0'; undefined for anything else. */
export function parsePciAddress(text: string): PciAddress | undefined {
  const match = ADDRESS.exec(text);
  if (!match) return undefined;
  const [domain = 0, bus, device, fn] = match.slice(1).map((digits) => Number.parseInt(digits ?? '0', 16));
  return { domain, bus, device, function: fn };
}

/** The full form, as sysfs names its directories: '0000:03:00.0'. */
export function formatPciAddress(address: PciAddress): string {
  return `${hexDigits(address.domain, 4)}:${hexDigits(address.bus, 2)}:${hexDigits(address.device, 2)}.${address.function}`;
}
