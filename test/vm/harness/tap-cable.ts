/** A cable to a TAP interface: tcpdump records at its end, tcpreplay sends. */
import { type Cable, type Flood, LONGEST, type Pace, type Recording, type RecordingOptions } from './cable.ts';
import type { Command } from './command.ts';
import type { Host } from './host.ts';
import type { Monitor } from './monitor.ts';
import { type Nic, nicName, tapName } from './nics.ts';

/** KiB for frames that tcpdump has yet to write. A frame takes as much of it as the longest one would. */
const BUFFER = 65_536;
/** tcpdump counts as the interface does: what comes in there is what the guest has sent. */
const DIRECTION = { guest: '-Qin', host: '-Qout' } as const;
/** Frames per second: more than QEMU takes from an interface, but not all that a processor can do. */
const FLOOD_RATE = 150_000;
/** A flood lasts as long as a suite may. */
const FLOOD_TIMEOUT = 600_000;

export class TapCable implements Cable {
  readonly #nic: Nic;
  readonly #tap: string;
  readonly #host: Host;
  readonly #monitor: Monitor;
  #recordings = 0;

  constructor(nic: Nic, host: Host, monitor: Monitor) {
    this.#nic = nic;
    this.#tap = tapName(nic);
    this.#host = host;
    this.#monitor = monitor;
  }

  async record(options: RecordingOptions = {}): Promise<Recording> {
    const file = this.#host.file(`recording-${this.#nic.slot}-${this.#recordings++}.pcap`).here;
    const command = this.#host.start(recordingCommand(this.#tap, file, options), options);
    await command.printed('listening on');
    return new TcpdumpRecording(command, file);
  }

  /** Rejects if the kernel refused a frame. */
  async send(file: string, pace: Pace = {}): Promise<void> {
    const report = await this.#host.output(`tcpreplay --preload-pcap --intf1=${this.#tap} ${speed(pace)} ${file} 2>&1`);
    if (!/Failed packets:\s+0\b/.test(report)) throw new Error(`frames were not sent:\n${report}`);
  }

  flood(file: string, { framesPerSecond = FLOOD_RATE }: Pace = {}): Flood {
    const options = `--loop=0 --preload-pcap --quiet --intf1=${this.#tap} --pps=${framesPerSecond}`;
    const replay = `exec tcpreplay ${options} ${file}`;
    const command = this.#host.start(`${replay} >/dev/null 2>&1`, { timeout: FLOOD_TIMEOUT });
    return {
      stop: async () => {
        command.kill('KILL');
        await command.ended;
      },
    };
  }

  async hold(frames: number, mtu = 1500): Promise<void> {
    await this.#host.output(`ip link set ${this.#tap} txqueuelen ${frames} mtu ${mtu}`);
  }

  async dropped(): Promise<number> {
    const [link] = JSON.parse(await this.#host.output(`ip -json -statistics link show ${this.#tap}`));
    return link.stats64.tx.dropped;
  }

  async plug(up: boolean): Promise<void> {
    await this.#monitor.execute('set_link', { name: nicName(this.#nic), up });
  }
}

class TcpdumpRecording implements Recording {
  readonly file: string;
  readonly #command: Command;

  constructor(command: Command, file: string) {
    this.#command = command;
    this.file = file;
  }

  async ended(): Promise<string> {
    const { stdout } = await this.#command.ended;
    if (!/^0 packets dropped by kernel$/m.test(stdout)) throw new Error(`the recording is not complete:\n${stdout}`);
    return this.file;
  }

  stop(): Promise<string> {
    this.#command.kill('INT');
    return this.ended();
  }
}

function recordingCommand(tap: string, file: string, options: RecordingOptions): string {
  const { from, filter, count, longest = LONGEST } = options;
  return [
    `exec tcpdump -n -i ${tap} -w ${file} -s ${longest} -U --immediate-mode -B ${BUFFER} -Z root`,
    ...(from ? [DIRECTION[from]] : []),
    ...(count === undefined ? [] : [`-c ${count}`]),
    ...(filter ? [`'${filter}'`] : []),
    '2>&1',
  ].join(' ');
}

/** tcpreplay's options; without one it keeps to the file's own times. */
function speed({ timing = 'fast', framesPerSecond }: Pace): string {
  if (framesPerSecond !== undefined) return `--pps=${framesPerSecond}`;
  return timing === 'fast' ? '--topspeed' : '';
}
