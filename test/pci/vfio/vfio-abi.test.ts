import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { structs, VFIO } from '../../../src/pci/vfio/vfio-abi.ts';
import { temporaryDirectory } from '../../support/process.ts';
import { haveTools } from '../../support/tools.ts';

/** What a C program that includes <linux/vfio.h> prints: one number a line, in the order of `expressions`. */
function evaluate(expressions: readonly string[]): number[] {
  const directory = temporaryDirectory();
  const source = join(directory, 'abi.c');
  const program = join(directory, 'abi');
  const prints = expressions.map((expression) => `  printf("%llu\\n", (unsigned long long)(${expression}));`);
  const includes = ['stddef.h', 'stdio.h', 'sys/ioctl.h', 'linux/vfio.h'].map((name) => `#include <${name}>`);
  writeFileSync(source, [...includes, 'int main(void) {', ...prints, '  return 0;', '}', ''].join('\n'));
  execFileSync('gcc', ['-o', program, source]);
  return execFileSync(program, { encoding: 'utf8' }).trim().split('\n').map(Number);
}

describe.runIf(haveTools('gcc'))("the kernel's header", () => {
  it('has the same constants and request numbers', () => {
    const names = Object.keys(VFIO);
    const values = evaluate(names.map((name) => `VFIO_${name}`));
    expect(VFIO).toEqual(Object.fromEntries(names.map((name, i) => [name, values[i]])));
  });

  it.each(Object.entries(structs))('struct vfio_%s', (name, struct) => {
    const type = `struct vfio_${name}`;
    const fields = Object.keys(struct.offsets);
    const [size, ...offsets] = evaluate([`sizeof(${type})`, ...fields.map((field) => `offsetof(${type}, ${field})`)]);
    expect(struct.offsets).toEqual(Object.fromEntries(fields.map((field, i) => [field, offsets[i]])));
    // Newer headers may say more at the end; device_info's capability offset is one such field.
    expect(struct.size).toBeLessThanOrEqual(size);
    if (name !== 'device_info') expect(size - struct.size).toBeLessThan(8);
    const sizes = evaluate(fields.map((field) => `sizeof(((${type} *)0)->${field})`));
    const last = fields.length - 1;
    expect(offsets[last] + sizes[last]).toBeLessThanOrEqual(struct.size);
  });
});
