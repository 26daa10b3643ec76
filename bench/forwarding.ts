/** What the measurements of loops run: the forwarder of `ixy forward`, between two emulated NICs on their thread. */
import { Forwarder, type NetDevice, open } from 'ixy.ts';

export const LOADED = 'emulated:ixgbe?wire=generator&check=0';
export const IDLE = 'emulated:ixgbe?wire=null';

/** The ports are closed afterwards. */
export async function withForwarder<Result>(
  traffic: typeof LOADED | typeof IDLE,
  use: (forwarder: Forwarder, ports: readonly [NetDevice, NetDevice]) => Promise<Result>,
): Promise<Result> {
  const source = await open(traffic);
  const sink = await open(IDLE);
  try {
    await Promise.all([source.waitForLink(), sink.waitForLink()]);
    const forwarder = new Forwarder(source, sink);
    try {
      return await use(forwarder, [source, sink]);
    } finally {
      forwarder.close();
    }
  } finally {
    source.close();
    sink.close();
  }
}
