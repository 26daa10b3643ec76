#!/usr/bin/env node
/** The `ixy` command. */
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { reportError, writeUsageError } from './report-error.ts';

const NOTES = `
A PORT is a PCI address (0000:03:00.0), an emulated NIC (emulated:ixgbe?…), a TAP
interface (tap:NAME) or a capture file (pcap:FILE); 'ixy ports' explains them all.
Ctrl-C ends every command with a summary. Exit codes: 0 done, 1 failed, 2 wrong usage.

Examples:
  ixy doctor
  ixy list
  ixy forward tap:left tap:right
  ixy pktgen pcap:out.pcap --count 1000 --src-port 1000-1999
`;

const json = process.argv.includes('--json');

// A reader that goes away (| head) ends a command like Ctrl-C does; ports are closed on the way out.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

// What a timer or an event throws; ports are closed on the way out.
process.on('uncaughtException', (error) => process.exit(reportError(error, json)));

const program = new Command('ixy')
  .description('Userspace network drivers: generate, forward and capture packets without the kernel.')
  .version(createRequire(import.meta.url)('../../package.json').version)
  .showSuggestionAfterError()
  .configureOutput({ outputError: (text) => writeUsageError(text, json) })
  .exitOverride()
  .addHelpText('after', NOTES);

/** Each with what it needs, which takes some tenths of a second for all of them: only the one that is asked for is loaded. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  list: async () => (await import('./list.ts')).addList,
  info: async () => (await import('./info.ts')).addInfo,
  pktgen: async () => (await import('./pktgen.ts')).addPktgen,
  forward: async () => (await import('./forward.ts')).addForward,
  capture: async () => (await import('./capture.ts')).addCapture,
  serve: async () => (await import('./serve.ts')).addServe,
  ports: async () => (await import('./ports.ts')).addPorts,
  bind: async () => (await import('./bind.ts')).addBind,
  unbind: async () => (await import('./bind.ts')).addUnbind,
  hugepages: async () => (await import('./hugepages.ts')).addHugePages,
  doctor: async () => (await import('./doctor.ts')).addDoctor,
};
const [, , asked = ''] = process.argv;

try {
  // Help, and what is near to a word that is no command, take them all.
  const loads = Object.hasOwn(COMMANDS, asked) ? [COMMANDS[asked]] : Object.values(COMMANDS);
  for (const load of loads) (await load())(program);
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportError(error, json);
}
