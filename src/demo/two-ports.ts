/** The two NICs of every stage, called left and right, and the forwarder between them. */
import { type DirectionSummary, Forwarder, type ForwarderOptions, withDrops } from '../apps/index.ts';
import type { NetDevice } from '../drivers/net-device.ts';
import { formatPortUri, open } from '../ports/index.ts';
import type { Stage } from './report.ts';

export const SIDES = ['left', 'right'] as const;
export type Side = (typeof SIDES)[number];

/** Parameters of an emulated NIC's URI. */
type NicParameters = Readonly<Record<string, string>>;

/** Descriptors per ring: room for what arrives while a busy machine does something else. */
const RING_SIZE = 4096;

export class TwoPorts {
  readonly left: NetDevice;
  readonly right: NetDevice;

  private constructor(left: NetDevice, right: NetDevice) {
    this.left = left;
    this.right = right;
  }

  /** Opens two emulated 82599s, which receive whatever comes: to what is plugged in they are a piece of wire. */
  static async open(parameters: Readonly<Record<Side, NicParameters>>): Promise<TwoPorts> {
    const opened: NetDevice[] = [];
    try {
      for (const side of SIDES) opened.push(await openNic(parameters[side]));
      await Promise.all(opened.map((port) => port.waitForLink()));
      return new TwoPorts(opened[0], opened[1]);
    } catch (error) {
      for (const port of opened) port.close();
      throw error;
    }
  }

  /** Forwards, in sight of the stage's table, until the ports' traffic has ended. Rejects if the stage is told to stop. */
  async forward(stage: Stage, options: ForwarderOptions): Promise<readonly DirectionSummary[]> {
    const directions = await this.#run(stage, options, stage.signal);
    stage.signal.throwIfAborted();
    return directions;
  }

  /** Forwards, in sight of the stage's table, while `work` goes on; what goes wrong with either of them rejects. */
  async forwardDuring<Result>(stage: Stage, work: () => Promise<Result>): Promise<Result> {
    const done = new AbortController();
    const forwarding = this.#run(stage, { whenFull: 'wait' }, done.signal);
    try {
      return await Promise.race([work(), failureOf(forwarding)]);
    } finally {
      done.abort();
      await forwarding;
    }
  }

  /** Whether the drivers have kept the datasheet's rules so far, if the NICs are strict; names those that they broke. */
  checkRules(stage: Stage): void {
    const counters = { ...this.left.counters(), ...this.right.counters() };
    const rules = Object.keys(counters).flatMap((name) => /^violations\.(.*)/.exec(name)?.[1] ?? []);
    const broken = rules.length === 0 ? 'no rule' : `rules (${rules.join(', ')})`;
    stage.check(rules.length === 0, `${broken} of the datasheet broken by the driver`);
  }

  close(): void {
    this.left.close();
    this.right.close();
  }

  #run(stage: Stage, options: ForwarderOptions, signal: AbortSignal): Promise<readonly DirectionSummary[]> {
    const forwarder = new Forwarder(this.left, this.right, options);
    const [toRight, toLeft] = forwarder.directions;
    stage.watch([
      withDrops({ name: 'left', statistics: () => this.left.statistics() }, toLeft),
      withDrops({ name: 'right', statistics: () => this.right.statistics() }, toRight),
    ]);
    return forwarder.run(signal);
  }
}

function openNic(parameters: NicParameters): Promise<NetDevice> {
  const uri = formatPortUri({ scheme: 'emulated', target: 'ixgbe', parameters: new Map(Object.entries(parameters)) });
  return open(uri, { promiscuous: true, rxRingSize: RING_SIZE, txRingSize: RING_SIZE });
}

/** Rejects if `promise` does, and never resolves. */
function failureOf(promise: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => promise.catch(reject));
}
