/** What descriptors say of a frame beside its length (datasheet rev 3.4, section 7.1.6.2), as bits in their words. */
export class ReceiveReport {
  /** Packet type and RSS type. */
  type = 0;
  /** RSS hash, or what Flow Director found. */
  hash = 0;
  /** Status and errors, without DD and EOP. */
  status = 0;
  /** The VLAN tag that was taken out, in the upper half. */
  vlan = 0;

  clear(): void {
    this.type = 0;
    this.hash = 0;
    this.status = 0;
    this.vlan = 0;
  }
}
