/** `ixy ports`: what a PORT may be. */
import type { Command } from 'commander';
import { portHelpText } from '../ports/help.ts';
import { PORT_SCHEMES } from '../ports/index.ts';

export function addPorts(program: Command): void {
  program
    .command('ports')
    .description('Explain what a PORT may be, with all parameters.')
    .action(() => {
      const examples = PORT_SCHEMES.flatMap((scheme) => scheme.examples.map((example) => `  ${example}\n`));
      process.stdout.write(`A port is one of\n\n${portHelpText(PORT_SCHEMES)}\n\nExamples:\n${examples.join('')}`);
    });
}
