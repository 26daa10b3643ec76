/** Features of virtio devices as parameters of ports name them. */
import { FEATURE, type FeatureName } from '../datasheet/virtio/features.ts';
import { knownOrNear } from '../near-match.ts';

/** 'EVENT_IDX,MRG_RXBUF', by the names of the specification. Throws an Error that says what it expects. */
export function parseFeatures(text: string): FeatureName[] {
  const known = Object.keys(FEATURE);
  return text.split(',').map((name) => {
    if (name in FEATURE) return name as FeatureName;
    throw new Error(`must name features: unknown '${name}'; ${knownOrNear(name, known)}`);
  });
}
