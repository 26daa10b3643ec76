/** Tells the judge of accesses that break a rule, whatever the register. */
import { hexadecimal } from '../../hexadecimal.ts';
import type { Judge } from '../judge.ts';
import type { RegisterWatcher } from '../register-space.ts';
import type { IxgbeRule } from './rules.ts';

export function registerWatcher(judge: Judge<IxgbeRule>): RegisterWatcher {
  return {
    unknownRegister: (offset, write) =>
      judge.record('register.unknown', { register: hexadecimal(offset), found: write ? 'write' : 'read' }),
    readOnlyWritten: (register, queue, value) =>
      judge.record('register.read-only', { register, queue, found: hexadecimal(value >>> 0) }),
    writeOnlyRead: (register) => judge.record('register.write-only', { register }),
  };
}
