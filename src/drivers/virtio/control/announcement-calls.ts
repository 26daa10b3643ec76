/** Devices that moved to another network ask to be announced there (virtio 1.2, section 5.1.6.5.4). */
import type { FeatureSet } from '../../../datasheet/virtio/features.ts';
import { errorMessage } from '../../../errors.ts';
import type { Logger } from '../../logger.ts';
import { wantsAnnouncement } from '../net-config.ts';
import type { VirtioTransport } from '../transport.ts';
import type { ControlQueue } from './queue.ts';

export class AnnouncementCalls {
  readonly #transport: VirtioTransport;
  readonly #features: FeatureSet;
  readonly #control: ControlQueue | undefined;
  readonly #logger: Logger;
  /** The device calls for an announcement which it got, but would not be told so. */
  #standing = false;

  constructor(transport: VirtioTransport, features: FeatureSet, control: ControlQueue | undefined, logger: Logger) {
    this.#transport = transport;
    this.#features = features;
    this.#control = control;
    this.#logger = logger;
  }

  /**
   * Whether the device calls for an announcement, once per call. That the network is told is the application's affair: it
   * hears of it by a 'link' event. A call that cannot be acknowledged stands, and is not heard again.
   */
  heard(): boolean {
    const calls = wantsAnnouncement(this.#transport, this.#features);
    const before = this.#standing;
    this.#standing = calls && (before || !this.#acknowledge());
    return calls && !before;
  }

  #acknowledge(): boolean {
    try {
      this.#control?.send('ANNOUNCE_ACKNOWLEDGE');
      return true;
    } catch (error) {
      this.#logger.warn(errorMessage(error));
      return false;
    }
  }
}
