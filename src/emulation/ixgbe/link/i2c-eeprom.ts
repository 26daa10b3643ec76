/**
 * An EEPROM on an I2C bus, as every SFP+ module has one (SFF-8472 revision 12, appendix B): it follows the two lines,
 * answers to its address, takes a byte address and reads on from there. What is written to it is acknowledged and lost.
 */

const BYTE_BITS = 8;
const READ = 1;

type Phase = 'idle' | 'address' | 'pointer' | 'data' | 'reading';

export class I2cEeprom {
  /** Whether it pulls the data line low. */
  pulls = false;
  readonly #content: Uint8Array;
  readonly #address: number;
  #phase: Phase = 'idle';
  /** What follows the acknowledge bit. */
  #next: Phase = 'idle';
  /** Clock pulses since the byte began; the ninth is for the acknowledge bit. */
  #pulses = 0;
  #shifted = 0;
  #pointer = 0;
  #clock = true;
  #data = true;

  /** `address`: as it stands in the first byte, without the direction: 0xa0. `content`: 256 bytes. */
  constructor(content: Uint8Array, address: number) {
    this.#content = content;
    this.#address = address;
  }

  /** The bus master drives the lines to these levels, or lets them go (true). */
  drive(clock: boolean, data: boolean): void {
    const level = data && !this.pulls;
    if (clock && this.#clock && level !== this.#data) this.#begin(level ? 'idle' : 'address');
    else if (clock && !this.#clock) this.#rise(level);
    else if (!clock && this.#clock) this.#fall();
    this.#clock = clock;
    this.#data = data && !this.pulls;
  }

  #begin(phase: Phase): void {
    this.#phase = phase;
    this.#pulses = 0;
    this.#shifted = 0;
    this.pulls = false;
  }

  /** The receiver samples. */
  #rise(level: boolean): void {
    if (this.#phase === 'idle') return;
    this.#pulses++;
    if (this.#phase !== 'reading') this.#shifted = (this.#shifted << 1) | (level ? 1 : 0);
    else if (this.#pulses === BYTE_BITS + 1) this.#next = level ? 'idle' : 'reading';
  }

  /** The sender puts out its next bit. */
  #fall(): void {
    if (this.#phase === 'idle' || this.#pulses === 0) return;
    if (this.#pulses > BYTE_BITS) this.#turn();
    else if (this.#phase === 'reading') this.#send();
    else if (this.#pulses === BYTE_BITS) this.#acknowledge();
  }

  /** A byte and its acknowledge bit are over. */
  #turn(): void {
    this.#begin(this.#next);
    if (this.#phase === 'reading') this.#send();
  }

  /** Puts out the bit for the coming pulse; after the eighth, the line is the master's to acknowledge. */
  #send(): void {
    if (this.#pulses === BYTE_BITS) {
      this.pulls = false;
      this.#pointer = (this.#pointer + 1) & 0xff;
    } else this.pulls = ((this.#content[this.#pointer] >>> (BYTE_BITS - 1 - this.#pulses)) & 1) === 0;
  }

  #acknowledge(): void {
    const byte = this.#shifted;
    if (this.#phase === 'address') {
      this.pulls = (byte & ~READ) === this.#address;
      this.#next = !this.pulls ? 'idle' : (byte & READ) !== 0 ? 'reading' : 'pointer';
      return;
    }
    if (this.#phase === 'pointer') this.#pointer = byte;
    this.pulls = true;
    this.#next = 'data';
  }
}
