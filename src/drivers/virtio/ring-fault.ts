/** How a device can break a ring's rules, so that nothing more can be believed of it. */

/** `index`: used more than it was given. `id`: a buffer that it does not have. `buffers`: a frame in more than it was given. */
export type RingFault = 'index' | 'id' | 'buffers';

/** What happened, as a sentence's end; `value` is what the device wrote. */
export function describeFault(fault: RingFault, value: number): string {
  switch (fault) {
    case 'index':
      return `it moved the used index to ${value}, beyond all buffers that it was given`;
    case 'id':
      return `it used buffer ${value >>> 0}, which it does not have`;
    case 'buffers':
      return `it announced a frame in ${value} buffers, more than it was given`;
  }
}
