/**
 * The tables of security associations (datasheet rev 3.4, section 7.12): written and read an entry at a time through a
 * window of registers. Software fills them; no packet is encrypted or decrypted by them.
 */
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { extract, type Field, type Register } from '../../datasheet/registers.ts';
import type { ModelContext } from './context.ts';

const ASSOCIATIONS = 1024;
const ADDRESSES = 128;
const { IPSTXIDX, IPSTXSALT, IPSTXKEY, IPSRXIDX } = ixgbe;
const { IPSRXIPADDR, IPSRXSPI, IPSRXIPIDX, IPSRXKEY, IPSRXSALT, IPSRXMOD } = ixgbe;

/** A table behind the registers of a window, as many words an entry as those have. */
class WindowTable {
  readonly #context: ModelContext;
  readonly #window: readonly Register[];
  readonly #entries: readonly Int32Array[];

  constructor(context: ModelContext, entries: number, window: readonly Register[]) {
    const words = window.reduce((sum, register) => sum + register.length, 0);
    this.#context = context;
    this.#window = window;
    this.#entries = Array.from({ length: entries }, () => new Int32Array(words));
  }

  /** From the window into the table, or back. Entries that are not there take nothing and read as 0. */
  transfer(index: number, write: boolean): void {
    const { registers } = this.#context;
    const entry = this.#entries[index];
    let word = 0;
    for (const register of this.#window) {
      for (let i = 0; i < register.length; i++, word++) {
        if (!write) registers.set(register, entry?.[word] ?? 0, i);
        else if (entry) entry[word] = registers.get(register, i);
      }
    }
  }
}

export function connectIpsecTables(context: ModelContext): void {
  const transmit = new WindowTable(context, ASSOCIATIONS, [IPSTXKEY, IPSTXSALT]);
  const receive = [
    undefined,
    new WindowTable(context, ADDRESSES, [IPSRXIPADDR]),
    new WindowTable(context, ASSOCIATIONS, [IPSRXSPI, IPSRXIPIDX]),
    new WindowTable(context, ASSOCIATIONS, [IPSRXKEY, IPSRXSALT, IPSRXMOD]),
  ];
  const { SA_IDX } = IPSTXIDX.bits;
  const { TABLE, TB_IDX } = IPSRXIDX.bits;
  connect(context, IPSTXIDX, SA_IDX, () => transmit);
  connect(context, IPSRXIDX, TB_IDX, (value) => receive[extract(TABLE, value)]);
}

function connect(
  { registers }: ModelContext,
  register: Register<'READ' | 'WRITE'>,
  index: Field,
  tableOf: (value: number) => WindowTable | undefined,
): void {
  const { READ, WRITE } = register.bits;
  registers.onWrite(register, (value) => {
    const table = tableOf(value);
    if ((value & WRITE.mask) !== 0) table?.transfer(extract(index, value), true);
    else if ((value & READ.mask) !== 0) table?.transfer(extract(index, value), false);
    return value & ~(READ.mask | WRITE.mask);
  });
}
