/** How a device can break a ring's rules, so that nothing more can be believed of it. */

/** `index`: used more than it was given. `id`: a buffer that it does not have. `buffers`: a frame in more than it has used. */
export type RingFault = 'index' | 'id' | 'buffers';

/** What the device did, as the end of a sentence about it; `value` is what the device wrote. */
export function describeFault(fault: RingFault, value: number): string {
  switch (fault) {
    case 'index':
      return `moved the used index to ${value}, beyond all buffers that it was given`;
    case 'id':
      return `used buffer ${value >>> 0}, which it does not have`;
    case 'buffers':
      return `announced a frame in ${value} buffers, more than it has used`;
  }
}
