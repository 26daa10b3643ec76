/** Feature negotiation, as the device sees it (virtio 1.2, sections 2.2, 3.1.1 and 6). */
import {
  commonFeatures,
  FEATURE_NEEDS,
  type FeatureName,
  type FeatureSet,
  featureNames,
  hasFeature,
} from '../../datasheet/virtio/features.ts';
import { hexadecimal } from '../../hexadecimal.ts';
import type { VirtioContext } from './context.ts';

export class Negotiation {
  readonly offered: FeatureSet;
  readonly #context: VirtioContext;
  #low = 0;
  #high = 0;
  /** Features beyond bit 63, which no device offers, were accepted. */
  #beyond = false;
  #begun = false;

  constructor(context: VirtioContext) {
    this.#context = context;
    this.offered = context.setup.offered;
  }

  /** What was accepted of what is offered; until the driver has said anything, all that is offered. */
  get features(): FeatureSet {
    return this.#begun ? commonFeatures(this.offered, { low: this.#low, high: this.#high }) : this.offered;
  }

  has(name: FeatureName): boolean {
    return hasFeature(this.features, name);
  }

  /** Pairs of queues that can be set up: all only with MQ or RSS (5.1.2). */
  get pairs(): number {
    return this.has('MQ') || this.has('RSS') ? this.#context.setup.queuePairs : 1;
  }

  /** Queues that can be set up: the pairs', and behind them the control queue. */
  get queues(): number {
    return 2 * this.pairs + (this.has('CTRL_VQ') ? 1 : 0);
  }

  reset(): void {
    this.#low = 0;
    this.#high = 0;
    this.#beyond = false;
    this.#begun = false;
  }

  /** Bits `32 × word …` of what is offered. */
  offeredWord(word: number): number {
    return word === 0 ? this.offered.low : word === 1 ? this.offered.high : 0;
  }

  /** The same of what the driver has written. */
  acceptedWord(word: number): number {
    return word === 0 ? this.#low : word === 1 ? this.#high : 0;
  }

  accept(word: number, bits: number): void {
    this.#begun = true;
    if (word === 0) this.#low = bits;
    else if (word === 1) this.#high = bits;
    else this.#beyond ||= bits !== 0;
    const strange = (bits & ~this.offeredWord(word)) >>> 0;
    if (strange !== 0) this.#record('features.not-offered', describe(word, strange));
  }

  /** Whether the device can work with what was accepted by the modern interface: otherwise it refuses FEATURES_OK. */
  acceptable(): boolean {
    const strange = (this.#low & ~this.offered.low) | (this.#high & ~this.offered.high);
    return !this.#beyond && strange === 0 && this.#complete() && this.#hasVersion() && this.#hasPlatform();
  }

  /** Legacy drivers do not say when they are done (3.1.2): it ends here, with whatever was accepted, if only nothing. */
  settle(): void {
    this.#begun = true;
    this.#complete();
  }

  #complete(): boolean {
    for (const name of featureNames(this.features)) {
      const missing = FEATURE_NEEDS[name]?.find((needed) => !this.has(needed));
      if (!missing) continue;
      this.#record('features.dependency', `${name} without ${missing}`);
      return false;
    }
    return true;
  }

  #hasVersion(): boolean {
    if (this.#begun && this.has('VERSION_1')) return true;
    this.#record('features.version');
    return false;
  }

  #hasPlatform(): boolean {
    if (!this.#context.setup.accessPlatform || this.has('ACCESS_PLATFORM')) return true;
    this.#record('features.platform');
    return false;
  }

  #record(rule: 'features.not-offered' | 'features.dependency' | 'features.version' | 'features.platform', found = '') {
    this.#context.judge.record(rule, { register: 'driver_feature', found });
  }
}

function describe(word: number, bits: number): string {
  const names = featureNames(word === 0 ? { low: bits, high: 0 } : { low: 0, high: word === 1 ? bits : 0 });
  return names.join(', ') || `${hexadecimal(bits)} in word ${word}`;
}
