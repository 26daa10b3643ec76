/** The filters of Flow Director, in buckets by hash (datasheet rev 3.4, sections 7.1.2.7.1 to 7.1.2.7.4). */
import type { Flow } from './flow.ts';

export interface FlowFilter {
  /** Its bucket, and what tells it from others in there: a signature, or the index that software chose. */
  readonly hash: number;
  readonly identity: number;
  /** For perfect matches. */
  readonly flow: Flow;
  /** FDIRCMD as it was when the filter was added: what happens to its packets. */
  command: number;
}

export class FlowTable {
  /** Filters that there may be. */
  capacity = 0;
  /** Filters that there are. */
  size = 0;
  readonly #buckets = new Map<number, FlowFilter[]>();

  get free(): number {
    return Math.max(0, this.capacity - this.size);
  }

  clear(): void {
    this.#buckets.clear();
    this.size = 0;
  }

  /** False if there is no room. */
  add(filter: FlowFilter): boolean {
    if (this.size >= this.capacity) return false;
    const bucket = this.#buckets.get(filter.hash);
    if (bucket) bucket.push(filter);
    else this.#buckets.set(filter.hash, [filter]);
    this.size++;
    return true;
  }

  remove(filter: FlowFilter): void {
    const bucket = this.#buckets.get(filter.hash);
    if (!bucket) return;
    bucket.splice(bucket.indexOf(filter), 1);
    if (bucket.length === 0) this.#buckets.delete(filter.hash);
    this.size--;
  }

  /** The filter with this identity, which may be of another flow. */
  find(hash: number, identity: number): FlowFilter | undefined {
    const bucket = this.#buckets.get(hash);
    if (!bucket) return undefined;
    for (let i = 0; i < bucket.length; i++) if (bucket[i].identity === identity) return bucket[i];
    return undefined;
  }

  /** The filter for exactly this flow. */
  match(hash: number, flow: Flow): FlowFilter | undefined {
    const bucket = this.#buckets.get(hash);
    if (!bucket) return undefined;
    for (let i = 0; i < bucket.length; i++) if (bucket[i].flow.equals(flow)) return bucket[i];
    return undefined;
  }

  /** Length of a bucket. */
  depth(hash: number): number {
    return this.#buckets.get(hash)?.length ?? 0;
  }
}
