/** What the judge hears of accesses to registers. */
import { hexadecimal } from '../../../hexadecimal.ts';
import type { VirtioNetJudge } from '../rules.ts';
import type { FieldWatcher } from './field-space.ts';

export function fieldWatcher(judge: VirtioNetJudge): FieldWatcher {
  return {
    unknownField: (offset, write) =>
      judge.record('register.unknown', { register: hexadecimal(offset), found: write ? 'write' : 'read' }),
    wrongWidth: (register, bytes) => judge.record('register.width', { register, found: `${bytes} bytes` }),
    readOnlyWritten: (register, value) => judge.record('register.read-only', { register, found: hexadecimal(value) }),
  };
}
