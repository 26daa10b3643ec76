/** An emulated NIC with queues for workers, and the far end of its cable. */
import { type IxgbeDevice, openIxgbe } from '../../src/drivers/ixgbe/index.ts';
import { ThreadedPciDevice } from '../../src/emulation/index.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { addon } from '../../src/native/addon.ts';
import { runWorkers, type WorkerGroup, type WorkersOptions } from '../../src/workers/index.ts';
import { FlowTraffic } from '../support/flow-traffic.ts';

const FLOWS = 64;
let cables = 0;

export class WorkerLab {
  readonly device: ThreadedPciDevice;
  readonly nic: IxgbeDevice;
  /** What the workers' NIC is sent, and what comes back. */
  readonly traffic: FlowTraffic;
  readonly #peer: IxgbeDevice;
  readonly #groups = new Set<WorkerGroup>();

  private constructor(device: ThreadedPciDevice, nic: IxgbeDevice, peer: IxgbeDevice) {
    this.device = device;
    this.nic = nic;
    this.traffic = new FlowTraffic(peer, FLOWS);
    this.#peer = peer;
  }

  static async open(queues: number): Promise<WorkerLab> {
    const wire = { kind: 'cable', name: `workers-${cables++}` } as const;
    const common = { allocateMemory: allocatePlainMemory };
    const device = new ThreadedPciDevice({ strict: true, wire, mac: '02:00:00:00:00:0a' });
    const nic = await openIxgbe(device, { ...common, rxQueues: queues, txQueues: queues });
    const far = new ThreadedPciDevice({ wire, mac: '02:00:00:00:00:0b' });
    const peer = await openIxgbe(far, { ...common, promiscuous: true });
    await Promise.all([nic.waitForLink(), peer.waitForLink()]);
    return new WorkerLab(device, nic, peer);
  }

  /** Workers that run `programs/<program>.js`, on the CPUs that there are. */
  async run(workers: number, program: string, options: Partial<WorkersOptions> = {}): Promise<WorkerGroup> {
    const usable = addon().getAffinity();
    const cores = Array.from({ length: workers }, (_, i) => usable[i % usable.length]);
    const url = new URL(`programs/${program}.js`, import.meta.url);
    const group = await runWorkers([this.nic], { cores, packetsPerWorker: 2048, ...options }, url);
    this.#groups.add(group);
    return group;
  }

  /** `close` does not stop it: it was, as far as that goes. */
  forget(group: WorkerGroup): void {
    this.#groups.delete(group);
  }

  /** Has the NIC's loans refuse to be taken back while `yes`. */
  stickQueues(): { yes: boolean } {
    const { nic } = this;
    const stuck = { yes: false };
    const lend = nic.lend.bind(nic);
    nic.lend = (request) => {
      const loan = lend(request);
      const takeBack = (): void => {
        if (stuck.yes) throw new Error('the queue does not stop');
        loan.takeBack();
      };
      return { ...loan, takeBack };
    };
    return stuck;
  }

  async close(): Promise<void> {
    for (const group of this.#groups) await group.stop();
    this.nic.close();
    this.#peer.close();
  }
}
