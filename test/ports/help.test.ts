import { describe, expect, it } from 'vitest';
import { portHelpMarkdown, portHelpText } from '../../src/ports/help.ts';
import { PORT_SCHEMES, parsePortUri } from '../../src/ports/index.ts';

describe('help on ports', () => {
  it('names every kind and every parameter, within the width of a terminal', () => {
    const text = portHelpText(PORT_SCHEMES);
    for (const { syntax, parameters } of PORT_SCHEMES) {
      expect(text).toContain(`  ${syntax}\n`);
      for (const [name, { syntax: value }] of Object.entries(parameters))
        expect(text).toContain(`    ${name}=${value}\n`);
    }
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(text).toContain('PCI device id of the 82599 variant; default: 10fb');
  });

  it('makes Markdown tables whose cells hold', () => {
    const rows = portHelpMarkdown(PORT_SCHEMES)
      .split('\n')
      .filter((line) => line.startsWith('|'));
    expect(rows.length).toBeGreaterThan(20);
    for (const row of rows) expect(row.replaceAll('\\|', '').split('|').length, row).toBe(4);
  });

  it('gives examples that parse, with parameters that exist and parse too', () => {
    for (const { scheme, examples, parameters } of PORT_SCHEMES) {
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples) {
        const uri = parsePortUri(example);
        expect(uri.scheme).toBe(scheme);
        for (const [name, value] of uri.parameters) expect(() => parameters[name].parse(value), example).not.toThrow();
      }
    }
  });

  it('has defaults that parse', () => {
    for (const { parameters } of PORT_SCHEMES) {
      for (const [name, parameter] of Object.entries(parameters)) {
        const text = parameter.default;
        if (text !== undefined) expect(() => parameter.parse(text), name).not.toThrow();
      }
    }
  });
});
