/** Names of PCI vendors and devices, from the pci.ids file of the system, where it has one. */
import { existsSync, readFileSync } from 'node:fs';
import { hexDigits } from '../hexadecimal.ts';

/** Where distributions put the file: Debian, Fedora, Arch. */
const FILES = ['/usr/share/misc/pci.ids', '/usr/share/hwdata/pci.ids'];

/** '8086:10fb'. */
export function formatPciId(vendorId: number, deviceId: number): string {
  return `${hexDigits(vendorId, 4)}:${hexDigits(deviceId, 4)}`;
}

interface PciName {
  readonly vendor: string | undefined;
  readonly device: string | undefined;
}

export class PciIds {
  readonly #files: readonly string[];
  #text: string | undefined;

  /** `files`: the first that exists is read, at the first question. */
  constructor(files: readonly string[] = FILES) {
    this.#files = files;
  }

  /** The names of these 16-bit ids, each undefined if it is not known. */
  lookup(vendorId: number, deviceId: number): PciName {
    const text = this.#load();
    const vendor = findLine(text, '', vendorId, 0, text.length);
    if (!vendor) return { vendor: undefined, device: undefined };
    const device = findLine(text, '\t', deviceId, vendor.end, endOfSection(text, vendor.end));
    return { vendor: vendor.name, device: device?.name };
  }

  /** Kept as one text with '\n' in front, and searched: 1.5 MB that is not worth parsing for a handful of questions. */
  #load(): string {
    if (this.#text === undefined) {
      const file = this.#files.find((path) => existsSync(path));
      this.#text = file === undefined ? '' : `\n${readFileSync(file, 'utf8')}\n`;
    }
    return this.#text;
  }
}

interface Line {
  readonly name: string;
  /** Position of the line's end. */
  readonly end: number;
}

/** The line 'indent id  name' between two positions. */
function findLine(text: string, indent: string, id: number, from: number, to: number): Line | undefined {
  const begin = `\n${indent}${hexDigits(id, 4)}  `;
  const at = text.indexOf(begin, from);
  if (at < 0 || at >= to) return undefined;
  const end = text.indexOf('\n', at + begin.length);
  return { name: text.slice(at + begin.length, end).trim(), end };
}

/** A vendor's section ends where a line begins with neither a tab nor a comment. */
function endOfSection(text: string, from: number): number {
  const next = /\n[^\t#\n]/g;
  next.lastIndex = from;
  return next.exec(text)?.index ?? text.length;
}
