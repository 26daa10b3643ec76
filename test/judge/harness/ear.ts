/** What of frames from the wire reaches the guest's kernel: tcpdump in the guest says, which leaves the filters alone. */
import { hexDigits } from '../../../src/hexadecimal.ts';
import { PacketTemplate } from '../../../src/packets/index.ts';
import type { Command } from '../../vm/harness/command.ts';
import { type Bench, INTERFACE } from './bench.ts';
import { GUEST } from './judged-nic.ts';

/** An EtherType that no protocol has, so that the kernel does nothing about such frames. */
const LOCAL_TYPE = 0x88b5;
/** Milliseconds until a frame has come to the kernel, or will not. */
const PATIENCE = 5_000;
const LINE = /([\da-f:]{17}) > ([\da-f:]{17}),(?:.*vlan (\d+))?/g;
export const STRANGER = '02:00:00:00:00:99';

/** Calls `body` with an ear that is open meanwhile. */
export async function listening(bench: Bench, body: (ear: Ear) => Promise<void>): Promise<void> {
  const ear = await Ear.open(bench);
  try {
    await body(ear);
  } finally {
    await ear.close();
  }
}

class Ear {
  readonly #bench: Bench;
  readonly #tcpdump: Command;
  #marks = 0;
  #heard = 0;

  private constructor(bench: Bench, tcpdump: Command) {
    this.#bench = bench;
    this.#tcpdump = tcpdump;
  }

  static async open(bench: Bench): Promise<Ear> {
    const command = `exec tcpdump --immediate-mode -l -p -n -e -i ${INTERFACE} 'ether proto ${LOCAL_TYPE}' 2>&1`;
    const tcpdump = bench.guest().start(command, { timeout: 600_000 });
    await tcpdump.printed('listening on');
    return new Ear(bench, tcpdump);
  }

  /** Sends a frame to each destination, or in a VLAN; resolves to those that the kernel got. */
  async heard(...destinations: readonly (string | number)[]): Promise<(string | number)[]> {
    // Frames of no protocol keep their order: behind the last one comes nothing more.
    const mark = `02:00:00:00:ff:${hexDigits(this.#marks++, 2)}`;
    this.#bench.nic().wire.inject(...destinations.map((to) => frame(STRANGER, to)), frame(mark, GUEST.mac));
    const output = await inTime(
      this.#tcpdump.printed(`${mark} > ${GUEST.mac},`),
      'a frame for the guest was not heard',
    );
    const lines = [...output.matchAll(LINE)].slice(this.#heard);
    this.#heard += lines.length;
    return lines.filter(([, from]) => from === STRANGER).map(([, , to, vlan]) => (vlan ? Number(vlan) : to));
  }

  async close(): Promise<void> {
    this.#tcpdump.kill('TERM');
    await this.#tcpdump.ended;
  }
}

function inTime<Result>(result: Promise<Result>, problem: string): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(problem)), PATIENCE);
  });
  result.catch(() => {});
  return Promise.race([result, late]).finally(() => clearTimeout(timer));
}

/** `to`: an address, or the number of a VLAN that the guest is addressed in. */
function frame(source: string, to: string | number): Uint8Array {
  const destination = typeof to === 'string' ? to : GUEST.mac;
  return new PacketTemplate({
    ethernet: { source, destination, etherType: LOCAL_TYPE },
    ...(typeof to === 'number' ? { vlan: { id: to } } : {}),
  }).bytes;
}
