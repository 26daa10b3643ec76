/** Values of command line options, parsed as the same quantities are in port URIs. */
import { InvalidArgumentError, Option } from 'commander';
import { type PacketRate, POLL_BUDGET, type PollMode } from '../apps/index.ts';
import { integerFrom, parseDuration, parseRate } from '../ports/quantities.ts';

/** A parser for commander: what it throws becomes the end of the message that names the option. */
export function optionValue<Value>(parse: (text: string) => Value): (text: string) => Value {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new InvalidArgumentError(message.startsWith('must ') ? `It ${message}.` : `Expected: ${message}.`);
    }
  };
}

/** An option with a default, which is written as the user would write it. */
export function optionWithDefault<Value>(
  flags: string,
  description: string,
  parse: (text: string) => Value,
  standard: string,
): Option {
  return new Option(flags, description).argParser(optionValue(parse)).default(parse(standard), standard);
}

/** `--poll-mode`; without it a command chooses what its ports can do. */
export function pollModeOption(): Option {
  return new Option(
    '--poll-mode <mode>',
    'poll always, sleep when nothing is there, or only after a while; default: adaptive if the ports can interrupt',
  ).choices(['busy', 'interrupt', 'adaptive'] satisfies PollMode[]);
}

/** `--batch` of commands that receive. */
export function pollBudgetOption(): Option {
  const description = `most packets per burst, the poll budget (1 to 4096; default: ${POLL_BUDGET})`;
  return new Option('-b, --batch <packets>', description).argParser(batchSize);
}

export const count = optionValue(integerFrom(1, Number.MAX_SAFE_INTEGER));
export const batchSize = optionValue(integerFrom(1, 4096));
export const mtu = optionValue(integerFrom(68, 9500));

/**
 * Packets per second, or bits per second on the wire. Rates of generators are mostly given in packets, so unlike in port
 * URIs a number without a unit means those up to M ('14.88M'); with G it means bits, as nothing sends so many packets.
 */
export const packetRate = optionValue(
  (text: string): PacketRate => parseRate(/[\dkKmM]$/.test(text) ? `${text}pps` : text),
);

/** Milliseconds; a number without a unit is seconds. */
export const duration = optionValue((text: string): number => {
  const milliseconds = parseDuration(/\d$/.test(text) ? `${text}s` : text) / 1e6;
  if (milliseconds > 0 && milliseconds < 2 ** 31) return milliseconds;
  throw new Error('must be above 0 and at most 24 days');
});
