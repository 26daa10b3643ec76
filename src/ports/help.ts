/** The kinds of ports in words, from their own entries: for `--help`, and for the documentation. */
import type { Parameter } from './parameters.ts';
import type { PortScheme } from './scheme.ts';

const LINE_WIDTH = 100;
const INDENT = 6;

/** For a terminal: each kind's form, what it is, and its parameters. */
export function portHelpText(schemes: readonly PortScheme[]): string {
  return schemes
    .map(({ syntax, summary, parameters }) => {
      const list = Object.entries(parameters).map(
        ([name, parameter]) => `    ${name}=${parameter.syntax}\n${wrap(meaning(parameter), INDENT)}`,
      );
      return [`  ${syntax}`, wrap(summary, INDENT - 2), ...list].join('\n');
    })
    .join('\n\n');
}

/** The same as Markdown, with examples. */
export function portHelpMarkdown(schemes: readonly PortScheme[]): string {
  return schemes
    .map(({ syntax, summary, parameters, examples }) => {
      const rows = Object.entries(parameters).map(
        ([name, parameter]) => `| \`${name}=${parameter.syntax.replaceAll('|', '\\|')}\` | ${meaning(parameter)} |`,
      );
      const table = rows.length > 0 ? ['', '| Parameter | Meaning |', '|---|---|', ...rows] : [];
      return [`### \`${syntax}\``, '', summary, ...table, '', ...examples.map((example) => `    ${example}`)].join(
        '\n',
      );
    })
    .join('\n\n');
}

function meaning(parameter: Parameter<unknown>): string {
  return parameter.default === undefined ? parameter.meaning : `${parameter.meaning}; default: ${parameter.default}`;
}

function wrap(text: string, indent: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last !== '' && indent + last.length + 1 + word.length > LINE_WIDTH) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.map((line) => ' '.repeat(indent) + line).join('\n');
}
