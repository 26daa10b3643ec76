/** What the registers of served devices are called, and what their fields mean, for people who watch a driver. */
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { extract, type Register } from '../../datasheet/registers.ts';
import { hexadecimal } from '../../hexadecimal.ts';
import { REGION } from '../../pci/vfio-user/payloads.ts';
import type { ModelKind } from '../models.ts';

type Table = Readonly<Record<string, Register>>;

/** Tables of the models that have one, and the BAR that it describes. */
const TABLES: Partial<Record<ModelKind, { readonly bar: number; readonly table: Table }>> = {
  ixgbe: { bar: 0, table: ixgbe },
};

/** The header of configuration space (PCI Local Bus Specification 3.0, section 6.1). */
const CONFIG_HEADER: ReadonlyMap<number, string> = new Map([
  [0x00, 'vendor'],
  [0x02, 'device'],
  [0x04, 'command'],
  [0x06, 'status'],
  [0x08, 'class'],
  [0x0c, 'cache line'],
  [0x0e, 'header type'],
  ...[0, 1, 2, 3, 4, 5].map((bar) => [0x10 + 4 * bar, `BAR ${bar}`] as const),
  [0x2c, 'subsystem'],
  [0x30, 'ROM'],
  [0x34, 'capabilities'],
  [0x3c, 'interrupt'],
]);

interface Named {
  /** 'RDT[3]'. */
  readonly name: string;
  readonly register: Register;
}

export class RegisterNames {
  readonly #bar: number | undefined;
  readonly #byOffset = new Map<number, Named>();

  constructor(model: ModelKind) {
    const known = TABLES[model];
    this.#bar = known?.bar;
    for (const [name, register] of Object.entries(known?.table ?? {})) {
      for (let index = 0; index < register.length; index++) {
        const named = { name: register.length > 1 ? `${name}[${index}]` : name, register };
        this.#byOffset.set(register.at(index), named);
        const { also } = register;
        if (also && index < also.count) this.#byOffset.set(also.offset + also.stride * index, named);
      }
    }
  }

  /** 'RDT[3]', 'config 0x04 command', 'BAR 4 0x00010'; what no table has is marked '?0x12345'. */
  nameOf(region: number, offset: number): string {
    if (region === REGION.config) return configName(offset);
    if (region !== this.#bar) return `BAR ${region} ${hexadecimal(offset, 5)}`;
    return this.#byOffset.get(offset)?.name ?? `?${hexadecimal(offset, 5)}`;
  }

  /** 'RXEN=1 SIZE=512': the fields of `value` that are not 0. */
  fieldsOf(region: number, offset: number, value: number): string {
    const register = region === this.#bar ? this.#byOffset.get(offset)?.register : undefined;
    if (!register) return '';
    return Object.entries(register.bits)
      .map(([name, field]) => [name, extract(field, value)] as const)
      .filter(([, content]) => content !== 0)
      .map(([name, content]) => `${name}=${content}`)
      .join(' ');
  }
}

function configName(offset: number): string {
  const name = CONFIG_HEADER.get(offset);
  return `config ${hexadecimal(offset, 2)}${name === undefined ? '' : ` ${name}`}`;
}
