#!/usr/bin/env node
/** The `ixy` command. */
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { addBind, addUnbind } from './bind.ts';
import { addCapture } from './capture.ts';
import { addDoctor } from './doctor.ts';
import { addForward } from './forward.ts';
import { addHugePages } from './hugepages.ts';
import { addInfo } from './info.ts';
import { addList } from './list.ts';
import { addPktgen } from './pktgen.ts';
import { addPorts } from './ports.ts';
import { reportError, writeUsageError } from './report-error.ts';
import { addServe } from './serve.ts';

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

const COMMANDS = [
  ...[addList, addInfo, addPktgen, addForward, addCapture, addServe, addPorts],
  ...[addBind, addUnbind, addHugePages, addDoctor],
];
for (const add of COMMANDS) add(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportError(error, json);
}
