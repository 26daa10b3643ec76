/** Rules of the 82599 that the model keeps, and how to switch each of them off while it runs. */
import type { Register } from '../../../src/datasheet/registers.ts';
import { RegisterSpace } from '../../../src/emulation/register-space.ts';
import type { Check } from '../harness/bench.ts';
import type { JudgedNic } from '../harness/judged-nic.ts';

/** Puts back what was there before. */
export type Mend = () => void;

export interface Mutation {
  /** What the card does wrong: 'leaves TCP checksums out'. */
  readonly name: string;
  /** The rule's section in the datasheet (rev 3.4). */
  readonly section: string;
  /** Switches the rule off in the running model. */
  readonly breaks: (nic: JudgedNic) => Mend;
  /** Each of them must fail. */
  readonly caughtBy: readonly Check[];
  /** What the failure must speak of, where a check looks at many things. */
  readonly saying?: RegExp;
  /** It takes effect, or goes, only when the driver sets the card up anew. */
  readonly setup?: boolean;
}

type MethodNames<Target> = {
  [Name in keyof Target]: Target[Name] extends (...args: never[]) => unknown ? Name : never;
}[keyof Target];

/** Puts a function in a method's place, on one object or, by its prototype, on all of a class. */
export function replace<Target extends object, Name extends MethodNames<Target>>(
  target: Target,
  name: Name,
  make: (original: Target[Name]) => Target[Name],
): Mend {
  const own = Object.getOwnPropertyDescriptor(target, name);
  const original = target[name];
  Object.defineProperty(target, name, { value: make(original), configurable: true, writable: true });
  return () => {
    if (own) Object.defineProperty(target, name, own);
    else delete target[name];
  };
}

/** Several at once. */
export function all(mends: readonly Mend[]): Mend {
  return () => {
    for (const mend of mends.toReversed()) mend();
  };
}

/** Software reads what `misread` makes of a register's value; an int32 or unsigned. */
export function readWrong(nic: JudgedNic, register: Register, misread: (value: number, index: number) => number): Mend {
  const indices = indicesOf(register);
  return replace(nic.device.model, 'read', (original) => (bar, offset, bytes) => {
    const value = original.call(nic.device.model, bar, offset, bytes);
    const index = bar === 0 ? indices.get(offset) : undefined;
    return index === undefined ? value : misread(value, index) >>> 0;
  });
}

/** What software writes to a register is changed on the way; undefined: it gets lost. */
export function writeWrong(
  nic: JudgedNic,
  register: Register,
  miswrite: (value: number, index: number) => number | undefined,
): Mend {
  const indices = indicesOf(register);
  return replace(nic.device.model, 'write', (original) => (bar, offset, bytes, value) => {
    const index = bar === 0 ? indices.get(offset) : undefined;
    const written = index === undefined ? value : miswrite(value, index);
    if (written !== undefined) original.call(nic.device.model, bar, offset, bytes, written);
  });
}

/** The card acts as if a register held something else; software reads what it wrote. */
export function misunderstand(register: Register, see: (value: number, index: number) => number): Mend {
  return replace(
    RegisterSpace.prototype,
    'get',
    (original) =>
      function (this: RegisterSpace, asked, index = 0) {
        const value = original.call(this, asked, index);
        return asked === register ? see(value, index) | 0 : value;
      },
  );
}

/** Indices by offset, at all addresses that the registers have. */
function indicesOf(register: Register): ReadonlyMap<number, number> {
  const { offset = 0, stride = 4, count = 0 } = register.also ?? {};
  return new Map([
    ...Array.from({ length: register.length }, (_, index) => [register.at(index), index] as const),
    ...Array.from({ length: count }, (_, index) => [offset + stride * index, index] as const),
  ]);
}
