/** The link: it follows the wire, and tells of changes by configuration (virtio 1.2, sections 5.1.4 and 5.1.6.5.4). */
import { NET_STATUS_ANNOUNCE, NET_STATUS_LINK_UP } from '../../../datasheet/virtio/net.ts';
import type { WireEnd } from '../../wire.ts';
import type { VirtioContext } from '../context.ts';
import type { NetConfig } from './net-config.ts';

export class Link {
  /** What is plugged in; frames go there and come from there. */
  wire: WireEnd | undefined;
  /** Whether frames can pass. */
  up = false;
  readonly #context: VirtioContext;
  readonly #config: NetConfig;
  /** Called when the configuration has changed by it. */
  readonly #changed: () => void;
  #announcing = false;
  /** A fault has taken the link down until then. */
  #downUntil = 0;

  constructor(context: VirtioContext, config: NetConfig, changed: () => void) {
    this.#context = context;
    this.#config = config;
    this.#changed = changed;
    this.#tell();
  }

  /** Brings the link in line with the wire. To be called before each burst. */
  follow(): void {
    const up = this.wire?.connected === true && this.#context.timers.now >= this.#downUntil;
    if (up === this.up) return;
    this.up = up;
    this.#tell();
    this.#changed();
  }

  /** Takes the link down for a while. */
  flap(nanoseconds: number): void {
    this.#downUntil = this.#context.timers.now + nanoseconds;
    this.follow();
  }

  /** Asks the driver to tell its neighbours where it is now. */
  announce(): void {
    this.#announcing = true;
    this.#tell();
    this.#changed();
  }

  /** The driver has been told to announce, and says so. */
  acknowledge(): void {
    this.#announcing = false;
    this.#tell();
  }

  /** As after a reset of the device. The wire does not notice. */
  reset(): void {
    this.acknowledge();
  }

  #tell(): void {
    const status = (this.up ? NET_STATUS_LINK_UP : 0) | (this.#announcing ? NET_STATUS_ANNOUNCE : 0);
    const speed = this.up ? (this.#context.setup.speed ?? this.wire?.speed ?? 0) : 0;
    this.#config.setLink(status, speed);
  }
}
