/** What a driver does to its device: accesses of registers by name, for those who compare or explain them. */
import { ixgbe } from '../../src/datasheet/ixgbe/index.ts';
import type { Register } from '../../src/datasheet/registers.ts';
import type { AccessObserver } from '../../src/emulation/vfio-user/region-space.ts';
import { RegisterNames } from '../../src/emulation/vfio-user/register-names.ts';
import { REGION } from '../../src/pci/vfio-user/payloads.ts';

export interface Access {
  readonly write: boolean;
  /** 'RAL', 'config 0x04'. */
  readonly register: string;
  /** Its place in an array of registers; 0 if it is in none. */
  readonly index: number;
  /** Unsigned. */
  readonly value: number;
}

/** What is known of a register: the datasheet's, or PCI's. */
interface RegisterFacts {
  readonly section: string;
  readonly meaning: string;
  readonly register: Register | undefined;
}

/** Registers of configuration space that drivers write (82599 datasheet rev 3.4, section 9.3). */
const CONFIG: ReadonlyMap<string, RegisterFacts> = new Map([
  ['config 0x04', { section: '9.3.3', meaning: 'PCI command', register: undefined }],
  ['config 0x72', { section: '9.3.8', meaning: 'MSI-X message control', register: undefined }],
]);

/** Adds each access to `list`. Reads of configuration space are left out: most are the operating system's. */
export function observeInto(list: Access[]): AccessObserver {
  const names = new RegisterNames('ixgbe');
  return (write, region, offset, _bytes, value) => {
    if (region === REGION.config && !write) return;
    const [, register, index = '0'] = /^(\??\w+(?: 0x\w+)?)(?:\[(\d+)\])?/.exec(names.nameOf(region, offset)) ?? [];
    list.push({ write, register, index: Number(index), value });
  };
}

/** Throws for a register that no table has. */
export function factsOf(name: string): RegisterFacts {
  const register = (ixgbe as Readonly<Record<string, Register>>)[name];
  const facts = register ? { ...register, register } : CONFIG.get(name);
  if (!facts) throw new Error(`no table has a register ${name}`);
  return facts;
}
