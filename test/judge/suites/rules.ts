/** The rules of the 82599 that Linux's driver breaks (docs/judge.md tells of each): these, and no others. */
import { expect, it } from 'vitest';
import type { DeviceModel } from '../../../src/emulation/device-model.ts';
import type { IxgbeRule } from '../../../src/emulation/ixgbe/rules.ts';
import type { Bench } from '../harness/bench.ts';

/** With the registers concerned, if any. */
const BROKEN_BY_LINUX: Readonly<Partial<Record<IxgbeRule, readonly string[]>>> = {
  'register.after-reset': [''],
  'register.read-only': ['RDH', 'TDH'],
  'rx.descriptor-done-set': [''],
  'rx.filter-while-enabled': ['FCTRL'],
  'tx.rs-with-wthresh': [''],
  'tx.read-requests': ['DTXMXSZRQ'],
};

export function testRules({ nic }: Bench): void {
  it('was driven by the datasheet’s rules, but for those that Linux is known to break', () => {
    const { model } = nic().device;
    expect(brokenRules(model)).toEqual(expected());
    model.clearViolations();
  });
}

/** What a driver broke: rules with the registers concerned, in alphabetical order. */
export function brokenRules({ violations }: DeviceModel): string[] {
  return [...new Set(violations.map(({ rule, register = '' }) => line(rule, register)))].sort();
}

/** What Linux's driver breaks, as `brokenRules` has it. */
export function expected(): string[] {
  const all = Object.entries(BROKEN_BY_LINUX).flatMap(([rule, registers]) => registers.map((name) => line(rule, name)));
  return all.sort();
}

function line(rule: string, register: string): string {
  return register === '' ? rule : `${rule}: ${register}`;
}
